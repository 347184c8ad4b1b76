-- The store: who owns the fleet, what is declared, and the work that is held.
-- One text for SQLite and Postgres: text, bigint and boolean only; times are epoch milliseconds.

-- The process that runs the fleet. The row is the lease: deleting it fences its process out.
CREATE TABLE node (
    incarnation text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    pid bigint NOT NULL,
    -- False where a take-over on SQLite had to go on without the lock file.
    holds_lock boolean NOT NULL,
    started_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE bot (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    pool_id text NOT NULL,
    declared text NOT NULL,
    wanted text NOT NULL CHECK (wanted IN ('running', 'parked')),
    quarantine text,
    PRIMARY KEY (account_id, bot_id)
);

-- The epoch moves only when the owner changes.
CREATE TABLE bot_owner (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    incarnation text NOT NULL,
    epoch bigint NOT NULL,
    PRIMARY KEY (account_id, bot_id)
);

-- `turns` counts the turns committed in the conversation and so orders its outbox.
CREATE TABLE claim (
    account_id text NOT NULL,
    pool_id text NOT NULL,
    conversation_id text NOT NULL,
    bot_id text NOT NULL,
    epoch bigint NOT NULL,
    turns bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('held', 'released')),
    release_reason text,
    variables text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account_id, pool_id, conversation_id)
);
CREATE INDEX claim_held ON claim (account_id, bot_id, pool_id, conversation_id) WHERE state = 'held';

CREATE TABLE cursor (
    account_id text NOT NULL,
    pool_id text NOT NULL,
    conversation_id text NOT NULL,
    dialog_id text NOT NULL,
    sequence bigint NOT NULL,
    turn_id text NOT NULL,
    PRIMARY KEY (account_id, pool_id, conversation_id, dialog_id)
);

CREATE TABLE outbox (
    account_id text NOT NULL,
    pool_id text NOT NULL,
    conversation_id text NOT NULL,
    turn_id text NOT NULL,
    n bigint NOT NULL,
    turn_no bigint NOT NULL,
    bot_id text NOT NULL,
    dialog_id text NOT NULL,
    tag text NOT NULL,
    body text NOT NULL,
    state text NOT NULL CHECK (state IN ('sending', 'dead')),
    reason text,
    created_at bigint NOT NULL,
    PRIMARY KEY (account_id, pool_id, conversation_id, turn_id, n)
);

CREATE TABLE session (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    sealed text NOT NULL,
    saved_at bigint NOT NULL,
    PRIMARY KEY (account_id, bot_id)
);
