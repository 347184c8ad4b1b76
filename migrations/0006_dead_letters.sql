-- Dead letters are tried again, or dropped by somebody for a reason. A released claim knows since when.
ALTER TABLE outbox ADD COLUMN died_at bigint;
ALTER TABLE outbox ADD COLUMN revived_at bigint;
ALTER TABLE outbox ADD COLUMN dropped_at bigint;
ALTER TABLE outbox ADD COLUMN dropped_by text;
ALTER TABLE outbox ADD COLUMN drop_reason text;
ALTER TABLE claim ADD COLUMN released_at bigint;

UPDATE outbox SET died_at = created_at WHERE state = 'dead';
UPDATE claim SET released_at = updated_at WHERE state = 'released';

CREATE INDEX outbox_dead ON outbox (turn_id, n) WHERE state = 'dead';
CREATE INDEX outbox_revived ON outbox (revived_at) WHERE revived_at IS NOT NULL;
-- Not `updated_at`, which each turn writes: an index on it would cost every turn.
CREATE INDEX claim_released ON claim (released_at) WHERE released_at IS NOT NULL;
