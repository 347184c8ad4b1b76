-- What people want of a bot, until whoever runs it has answered; `wish_id` is one wish, whatever it is asked again.
CREATE TABLE bot_wish (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    wish_id text NOT NULL,
    verb text NOT NULL,
    argument text NOT NULL,
    asked_at bigint NOT NULL,
    asked_by text NOT NULL,
    reason text NOT NULL,
    -- Somebody is at it: it is watched from then on, and not begun again.
    begun_at bigint,
    answered_at bigint,
    -- done, failed or skipped, and in words.
    verdict text,
    outcome text,
    PRIMARY KEY (account_id, bot_id, wish_id)
);
CREATE INDEX bot_wish_open ON bot_wish (asked_at) WHERE answered_at IS NULL;
CREATE INDEX bot_wish_answered ON bot_wish (answered_at) WHERE answered_at IS NOT NULL;

INSERT INTO bot_wish (account_id, bot_id, wish_id, verb, argument, asked_at, asked_by, reason)
    SELECT account_id, bot_id, 'refresh', 'refresh', '', asked_at, asked_by, ''
    FROM refresh_request WHERE answered < number;
DROP TABLE refresh_request;

-- A verb on everything that matched a filter; `account_id` is empty where it spans several accounts.
CREATE TABLE operation (
    account_id text NOT NULL,
    operation_id text NOT NULL,
    verb text NOT NULL,
    argument text NOT NULL,
    filter text NOT NULL,
    reason text NOT NULL,
    who text NOT NULL,
    created_at bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'cancelling', 'cancelled', 'done', 'failed')),
    -- Items; the three that follow are of those that are over.
    total bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    -- Items a second at most, and the failures after which no further one is begun.
    rate bigint NOT NULL,
    stop_after bigint NOT NULL,
    ended_at bigint,
    outcome text,
    PRIMARY KEY (account_id, operation_id)
);
CREATE UNIQUE INDEX operation_by_id ON operation (operation_id);
CREATE INDEX operation_open ON operation (created_at) WHERE ended_at IS NULL;

CREATE TABLE operation_item (
    account_id text NOT NULL,
    operation_id text NOT NULL,
    bot_id text NOT NULL,
    -- Its place in the order.
    n bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'asked', 'done', 'failed', 'skipped')),
    outcome text,
    PRIMARY KEY (account_id, operation_id, bot_id)
);
CREATE INDEX operation_item_order ON operation_item (operation_id, n);
CREATE INDEX operation_item_open ON operation_item (operation_id, state, n) WHERE state IN ('waiting', 'asked');
