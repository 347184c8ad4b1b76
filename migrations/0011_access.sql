-- Who may ask: tokens for programs, users for people, sessions for their browsers. Secrets stand here as hashes only.
-- `accounts` is a list as JSON; null reaches every account, and what belongs to none.
CREATE TABLE access_token (
    id text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    hash text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    accounts text,
    created_at bigint NOT NULL,
    created_by text NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    revoked_by text
);
CREATE UNIQUE INDEX access_token_name ON access_token (name) WHERE revoked_at IS NULL;

CREATE TABLE access_user (
    name text NOT NULL PRIMARY KEY,
    -- Argon2id, with its salt and costs.
    password text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    accounts text,
    created_at bigint NOT NULL,
    created_by text NOT NULL,
    disabled_at bigint
);

CREATE TABLE access_session (
    hash text NOT NULL PRIMARY KEY,
    -- Whose: a user's name, or a token's id.
    kind text NOT NULL CHECK (kind IN ('user', 'token')),
    subject text NOT NULL,
    csrf text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX access_session_expires ON access_session (expires_at);

-- What was answered to a request that may be sent again.
CREATE TABLE idempotency (
    who text NOT NULL,
    key text NOT NULL,
    -- A hash of the request.
    request text NOT NULL,
    status bigint,
    body text,
    location text,
    at bigint NOT NULL,
    PRIMARY KEY (who, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

-- From where somebody acted; what came of it is a row of its own, for the audit is only added to.
ALTER TABLE audit ADD COLUMN origin text NOT NULL DEFAULT '';
CREATE TABLE audit_outcome (
    audit_id text NOT NULL PRIMARY KEY,
    at bigint NOT NULL,
    done boolean NOT NULL,
    outcome text NOT NULL
);
CREATE INDEX audit_id ON audit (id);
