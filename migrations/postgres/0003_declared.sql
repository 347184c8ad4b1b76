-- What fleet files declared, one row a table of theirs; `account_id` is empty for what the fleet shares.
CREATE TABLE declared (
    account_id text COLLATE "C" NOT NULL,
    header text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    body text NOT NULL,
    declared_at bigint NOT NULL,
    PRIMARY KEY (account_id, header, name)
);
