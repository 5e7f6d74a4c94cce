-- What runs and what ran: one row per execution, and the log as one row per turn.
--
-- `turns` is the truth: append-only, never updated. `executions` holds what a list or a
-- description must show without opening the log; it is written at start, at end, and when an
-- execution is put to sleep or woken.
--
-- Every key starts with the shard, so that the tables can be distributed by it.

CREATE TABLE executions (
    -- A stable hash of account, state machine and name, 0 to 255.
    shard smallint NOT NULL,
    -- Names the execution inside the engine.
    id uuid NOT NULL,
    -- The account it belongs to.
    account text NOT NULL,
    -- The name of its state machine.
    state_machine text NOT NULL,
    -- Its own name; unique per state machine.
    name text NOT NULL,
    -- The revision it is pinned to.
    revision_id uuid NOT NULL,
    -- The version it was started by, if any.
    version bigint,
    -- The alias it was started by, if any.
    alias text,
    -- As AWS spells it.
    status text NOT NULL,
    -- When it started.
    started_at timestamptz NOT NULL,
    -- When it ended; NULL while it runs.
    ended_at timestamptz,
    -- When to load it again, if it was put to sleep; NULL while it is in an owner's memory.
    wake_at timestamptz,
    -- JSON text as it came.
    input bytea NOT NULL,
    -- JSON text; only of an execution that succeeded.
    output bytea,
    -- The name of the error it ended with. U+0000 is kept as U+FFFD here; the log has it exactly.
    error text,
    -- The cause it ended with; U+0000 as in `error`.
    cause text,
    -- The path of the state that failed.
    failed_state text,
    -- What the caller passed to join a trace.
    trace_header text,
    PRIMARY KEY (shard, id),
    CONSTRAINT shard_in_range CHECK (shard BETWEEN 0 AND 255),
    CONSTRAINT known_status CHECK (
        status IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED')
    ),
    CONSTRAINT ended_when_final CHECK ((status = 'RUNNING') = (ended_at IS NULL)),
    CONSTRAINT only_running_sleep CHECK (wake_at IS NULL OR status = 'RUNNING'),
    CONSTRAINT only_success_has_output CHECK (output IS NULL OR status = 'SUCCEEDED')
);

-- Refuses a second execution of the same name, and serves `describe`.
CREATE UNIQUE INDEX executions_name ON executions (shard, account, state_machine, name);

-- Serves the takeover of a shard: what must be in its owner's memory.
CREATE INDEX executions_active ON executions (shard, id)
    WHERE status = 'RUNNING' AND wake_at IS NULL;

-- Serves the search for sleepers whose time has come.
CREATE INDEX executions_asleep ON executions (shard, wake_at)
    WHERE status = 'RUNNING' AND wake_at IS NOT NULL;

-- Serves lists: each status is one run of the index, newest first; a list without a status
-- merges five runs. Running ones count by their start, others by their end, as on AWS.
CREATE INDEX executions_listed ON executions
    (account, state_machine, status, (coalesce(ended_at, started_at)) DESC, id DESC);

-- Serves lists by version.
CREATE INDEX executions_listed_by_version ON executions
    (account, state_machine, version, status, (coalesce(ended_at, started_at)) DESC, id DESC)
    WHERE version IS NOT NULL;

-- Serves lists by alias.
CREATE INDEX executions_listed_by_alias ON executions
    (account, state_machine, alias, status, (coalesce(ended_at, started_at)) DESC, id DESC)
    WHERE alias IS NOT NULL;

CREATE TABLE turns (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The number of this turn's first event. The key of this table is what shuts out a second
    -- writer: both would append at the same number, and the second insert aborts its batch.
    first_event bigint NOT NULL,
    -- How many events it holds.
    event_count integer NOT NULL,
    -- The epoch under which its writer owned the shard.
    epoch bigint NOT NULL,
    -- The node that wrote it.
    writer uuid NOT NULL,
    -- The events, as the machine encodes them.
    body bytea NOT NULL,
    PRIMARY KEY (shard, execution_id, first_event),
    CONSTRAINT has_events CHECK (event_count > 0)
);
