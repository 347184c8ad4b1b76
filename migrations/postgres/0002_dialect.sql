-- What Postgres says in its own words, so that the statements need not.

CREATE VIEW clock AS SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS ms;

-- SQLite's json_each over an array, for the statements that both dialects share.
CREATE FUNCTION json_each(text) RETURNS TABLE (key bigint, value jsonb)
LANGUAGE sql IMMUTABLE ROWS 16 AS
$$ SELECT place - 1, element FROM jsonb_array_elements(CAST($1 AS jsonb)) WITH ORDINALITY AS e(element, place) $$;

-- Rows that every turn rewrites keep room on their page (HOT updates).
ALTER TABLE cursor SET (fillfactor = 50);
ALTER TABLE claim SET (fillfactor = 50);
ALTER TABLE node SET (fillfactor = 50);

-- Text compares by its bytes, as in SQLite: the same order everywhere, and cheaper keys.
ALTER TABLE node ALTER incarnation TYPE text COLLATE "C";
ALTER TABLE bot
    ALTER account_id TYPE text COLLATE "C",
    ALTER bot_id TYPE text COLLATE "C";
ALTER TABLE bot_owner
    ALTER account_id TYPE text COLLATE "C",
    ALTER bot_id TYPE text COLLATE "C";
ALTER TABLE claim
    ALTER account_id TYPE text COLLATE "C",
    ALTER pool_id TYPE text COLLATE "C",
    ALTER conversation_id TYPE text COLLATE "C",
    ALTER bot_id TYPE text COLLATE "C";
ALTER TABLE cursor
    ALTER account_id TYPE text COLLATE "C",
    ALTER pool_id TYPE text COLLATE "C",
    ALTER conversation_id TYPE text COLLATE "C",
    ALTER dialog_id TYPE text COLLATE "C";
ALTER TABLE outbox
    ALTER account_id TYPE text COLLATE "C",
    ALTER pool_id TYPE text COLLATE "C",
    ALTER conversation_id TYPE text COLLATE "C",
    ALTER turn_id TYPE text COLLATE "C";
ALTER TABLE session
    ALTER account_id TYPE text COLLATE "C",
    ALTER bot_id TYPE text COLLATE "C";

CREATE VIEW live_node AS SELECT incarnation FROM node WHERE expires_at > (SELECT ms FROM clock);
