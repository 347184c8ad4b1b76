-- Counts what is declared, so that a running fleet notices a change; `account_id` is empty for the whole fleet.
CREATE TABLE declared_revision (
    account_id text COLLATE "C" NOT NULL PRIMARY KEY,
    revision bigint NOT NULL,
    declared_at bigint NOT NULL,
    -- The last revision that a running fleet has looked at, and what came of it.
    heard bigint NOT NULL DEFAULT 0,
    refused boolean NOT NULL DEFAULT false,
    outcome text
);

-- Whom people hold still: one bot; all of an account where `bot_id` is empty; everybody where both are.
CREATE TABLE pause (
    account_id text COLLATE "C" NOT NULL,
    bot_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    paused_by text NOT NULL,
    paused_at bigint NOT NULL,
    PRIMARY KEY (account_id, bot_id)
);

-- A person wants a token refreshed: `answered` is the number of the last wish that has an outcome.
CREATE TABLE refresh_request (
    account_id text COLLATE "C" NOT NULL,
    bot_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    asked_at bigint NOT NULL,
    asked_by text NOT NULL,
    answered bigint NOT NULL DEFAULT 0,
    outcome text,
    PRIMARY KEY (account_id, bot_id)
);
CREATE INDEX refresh_request_open ON refresh_request (account_id, bot_id) WHERE answered < number;

-- What people did by hand; a row is never changed and never deleted.
CREATE TABLE audit (
    account_id text COLLATE "C" NOT NULL,
    bot_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (account_id, bot_id, at, id)
);
CREATE INDEX audit_at ON audit (at);
CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is only added to'; END $$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to();
