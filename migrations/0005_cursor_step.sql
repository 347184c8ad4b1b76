-- Turns that answer no message (the conversation came, or was closed) leave the sequence where it is:
-- a cursor is a pair, compared as one.
ALTER TABLE cursor ADD COLUMN step bigint NOT NULL DEFAULT 0;
