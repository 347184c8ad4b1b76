-- What an account's logins have used of their budget, shared by all processes and remembered over their ends.
CREATE TABLE login_budget (
    account_id text NOT NULL PRIMARY KEY,
    -- When the attempts granted so far are paid for at the steady rate, epoch microseconds.
    paid_until bigint NOT NULL,
    -- Nobody logs in before, epoch milliseconds: the login service is in trouble.
    closed_until bigint NOT NULL,
    closed_why text NOT NULL
);
