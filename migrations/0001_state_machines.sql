-- What can be run: state machines, their revisions, their published versions, and tags.
--
-- A definition is kept as the text the user wrote, never in compiled form. Whatever an update
-- can change lives in a revision; a revision never changes, and an execution is pinned to one.

CREATE TABLE revisions (
    -- AWS's `revisionId`.
    id uuid PRIMARY KEY,
    -- The account of the state machine, twelve digits.
    account text NOT NULL,
    -- The name of the state machine.
    state_machine text NOT NULL,
    -- The Amazon States Language text, byte for byte as it came.
    definition text NOT NULL,
    -- The role the user named; kept and echoed.
    role_arn text NOT NULL,
    -- `loggingConfiguration` as JSON text; NULL when none was given.
    logging text,
    -- `tracingConfiguration` as JSON text; NULL when none was given.
    tracing text,
    -- `encryptionConfiguration` as JSON text; NULL when none was given.
    encryption text,
    -- Whether this is the revision the state machine was created with (AWS: `INITIAL`).
    initial boolean NOT NULL,
    -- When it was made.
    created_at timestamptz NOT NULL
);

CREATE TABLE state_machines (
    -- The account it belongs to, twelve digits.
    account text NOT NULL,
    -- Its name, unique in the account.
    name text NOT NULL,
    -- STANDARD or EXPRESS; fixed at creation.
    type text NOT NULL,
    -- DELETING from the delete call until its last execution has ended.
    status text NOT NULL DEFAULT 'ACTIVE',
    -- What a start without version or alias runs.
    revision_id uuid NOT NULL REFERENCES revisions (id),
    -- The number of the version published last; 0 before the first. Numbers are never reused.
    last_version bigint NOT NULL DEFAULT 0,
    -- When it was created.
    created_at timestamptz NOT NULL,
    -- When its current revision became current.
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account, name),
    CONSTRAINT known_type CHECK (type IN ('STANDARD', 'EXPRESS')),
    CONSTRAINT known_status CHECK (status IN ('ACTIVE', 'DELETING')),
    CONSTRAINT versions_count_up CHECK (last_version >= 0)
);

-- Serves the sweep that removes deleted state machines.
CREATE INDEX state_machines_deleting ON state_machines (account, name) WHERE status = 'DELETING';

CREATE TABLE versions (
    -- The account of the state machine.
    account text NOT NULL,
    -- The name of the state machine.
    state_machine text NOT NULL,
    -- 1, 2, 3, …; gaps where versions were deleted.
    number bigint NOT NULL,
    -- The revision it publishes.
    revision_id uuid NOT NULL REFERENCES revisions (id),
    -- What the publisher said about it; NULL when nothing.
    description text,
    -- When it was published.
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account, state_machine, number),
    FOREIGN KEY (account, state_machine) REFERENCES state_machines (account, name) ON DELETE CASCADE,
    CONSTRAINT numbered_from_one CHECK (number >= 1)
);

CREATE TABLE tags (
    -- The account of the tagged thing.
    account text NOT NULL,
    -- What is tagged: the end of its ARN, such as `stateMachine:orders`.
    resource text NOT NULL,
    -- The tag's key, unique per resource.
    key text NOT NULL,
    -- The tag's value; may be empty.
    value text NOT NULL,
    PRIMARY KEY (account, resource, key)
);
