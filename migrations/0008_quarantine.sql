-- Why a bot is held off, since when, and by whom unless by muster itself; who let it go last, and why.
ALTER TABLE bot ADD COLUMN quarantine_kind text;
ALTER TABLE bot ADD COLUMN quarantined_at bigint;
ALTER TABLE bot ADD COLUMN quarantined_by text;
ALTER TABLE bot ADD COLUMN released_at bigint;
ALTER TABLE bot ADD COLUMN released_by text;
ALTER TABLE bot ADD COLUMN release_reason text;

CREATE INDEX bot_quarantined ON bot (account_id, bot_id) WHERE quarantine_kind IS NOT NULL;

-- Bots whose start has not been survived yet: what is left of a process that died says who may have killed it.
CREATE TABLE bot_start (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    -- The process that starts it; empty while none does.
    incarnation text NOT NULL,
    -- No other bot was starting.
    alone boolean NOT NULL,
    -- Turns of the conversations that it held by then: more of them later, and it has survived.
    turns bigint NOT NULL,
    -- Processes in a row that died while it started.
    deaths bigint NOT NULL,
    PRIMARY KEY (account_id, bot_id)
);
