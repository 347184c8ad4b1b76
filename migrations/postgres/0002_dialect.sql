-- What Postgres says in its own words, so that the statements need not.

CREATE VIEW clock AS SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS ms;

CREATE VIEW live_node AS SELECT incarnation FROM node WHERE expires_at > (SELECT ms FROM clock);

-- SQLite's json_each over an array, for the statements that both dialects share.
CREATE FUNCTION json_each(text) RETURNS TABLE (key bigint, value jsonb)
LANGUAGE sql IMMUTABLE ROWS 16 AS
$$ SELECT place - 1, element FROM jsonb_array_elements(CAST($1 AS jsonb)) WITH ORDINALITY AS e(element, place) $$;

-- Rows that every turn rewrites keep room on their page (HOT updates).
ALTER TABLE cursor SET (fillfactor = 50);
ALTER TABLE claim SET (fillfactor = 50);
ALTER TABLE node SET (fillfactor = 50);
