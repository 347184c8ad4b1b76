-- What happened to each bot, for people: state changes, logins, restarts. At most a thousand a bot, and no
-- older than a month; no secret, and nothing that people wrote.
CREATE TABLE bot_event (
    account_id text NOT NULL,
    bot_id text NOT NULL,
    -- Grows with each event of the bot.
    seq bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    -- The state from then on, where that changed.
    state text,
    cause text,
    PRIMARY KEY (account_id, bot_id, seq)
);
CREATE INDEX bot_event_at ON bot_event (at);
