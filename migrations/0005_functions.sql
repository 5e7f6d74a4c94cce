-- What tasks call over HTTP, by name.

CREATE TABLE functions (
    -- The account it belongs to.
    account text NOT NULL,
    -- Its name, unique in the account; what a task's ARN ends with.
    name text NOT NULL,
    -- Where it is called.
    url text NOT NULL,
    -- `http`: the input is POSTed as JSON; `lambda`: the Lambda Invoke API.
    protocol text NOT NULL,
    -- How long a call may take when the state sets no shorter time; NULL for no limit of its own.
    timeout_seconds integer,
    -- Headers sent with every call, as a JSON object of texts.
    headers text NOT NULL DEFAULT '{}',
    -- How many calls may be open at once per node; NULL for no limit of its own.
    max_concurrency integer,
    -- `at-least-once`: repeated after a crash; `at-most-once`: the attempt fails instead.
    delivery text NOT NULL,
    -- When it was registered first.
    created_at timestamptz NOT NULL,
    -- When it was registered last.
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account, name),
    CONSTRAINT known_protocol CHECK (protocol IN ('http', 'lambda')),
    CONSTRAINT known_delivery CHECK (delivery IN ('at-least-once', 'at-most-once')),
    CONSTRAINT some_time CHECK (timeout_seconds > 0),
    CONSTRAINT some_calls CHECK (max_concurrency > 0)
);
