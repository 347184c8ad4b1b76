-- What SQLite says in its own words, so that the statements need not.

CREATE VIEW clock AS SELECT CAST(unixepoch('subsec') * 1000 AS bigint) AS ms;

-- The lock file tells the living from the dead; a laptop that slept keeps its fleet.
CREATE VIEW live_node AS SELECT incarnation FROM node;
