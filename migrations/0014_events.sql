-- The time lines become one stream of the fleet's events: beside what happened to a bot also what happened to an
-- account (`bot_id` is empty) or to the fleet (both are), and what people did.
ALTER TABLE bot_event RENAME TO event;
-- Its place among all events. It grows in the order in which events are committed: whoever has read up to one
-- never finds a smaller one later.
ALTER TABLE event ADD COLUMN id bigint NOT NULL DEFAULT 0;
-- Who did it, where it was a person.
ALTER TABLE event ADD COLUMN who text;
UPDATE event SET id = x.id FROM (
    SELECT account_id, bot_id, seq, row_number() OVER (ORDER BY at, account_id, bot_id, seq) AS id FROM event
) AS x WHERE event.account_id = x.account_id AND event.bot_id = x.bot_id AND event.seq = x.seq;
CREATE UNIQUE INDEX event_id ON event (id);

-- One row, `account_id` is empty: who writes events holds it until they are committed, so that ids appear in order.
CREATE TABLE event_stream (
    account_id text NOT NULL PRIMARY KEY,
    last_id bigint NOT NULL,
    -- The largest id of an event that was forgotten: up to it the stream has holes.
    forgotten_id bigint NOT NULL
);
INSERT INTO event_stream (account_id, last_id, forgotten_id) SELECT '', COALESCE(max(id), 0), 0 FROM event;
