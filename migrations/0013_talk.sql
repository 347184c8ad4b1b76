-- What people do to one conversation: they take it over from its bot, and wish things of it.

-- As long as a row stands here the pool's bots keep silent in the conversation.
CREATE TABLE taken_over (
    account_id text NOT NULL,
    pool_id text NOT NULL,
    conversation_id text NOT NULL,
    taken_by text NOT NULL,
    reason text NOT NULL,
    taken_at bigint NOT NULL,
    PRIMARY KEY (account_id, pool_id, conversation_id)
);

-- Each wish once, by the key of whoever wishes. What is wished stands in the outbox alone, and goes with it;
-- `print` tells the same wish from another under the same key.
CREATE TABLE conversation_wish (
    account_id text NOT NULL,
    pool_id text NOT NULL,
    conversation_id text NOT NULL,
    key text NOT NULL,
    print text NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (account_id, pool_id, conversation_id, key)
);

-- Counts the wishes of a conversation.
ALTER TABLE claim ADD COLUMN wishes bigint NOT NULL DEFAULT 0;
-- Set where a person wished it; and when a process took it, after which it may have been sent.
ALTER TABLE outbox ADD COLUMN wished_at bigint;
ALTER TABLE outbox ADD COLUMN told_at bigint;

CREATE INDEX outbox_wished ON outbox (wished_at) WHERE wished_at IS NOT NULL;
