-- Work that the user's own processes fetch: activities, and the tasks that wait for an activity
-- worker.

CREATE TABLE activities (
    -- The account it belongs to, twelve digits.
    account text NOT NULL,
    -- Its name, unique in the account.
    name text NOT NULL,
    -- `encryptionConfiguration` as JSON text; NULL when none was given.
    encryption text,
    -- When it was created.
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account, name)
);

-- A row is there exactly while a task waits for an activity worker: it is written in the commit
-- that records `ActivityScheduled` and removed in the one that records `ActivityStarted` or the
-- task's end. The log alone says what a task is; this table only lets workers find it.
CREATE TABLE activity_tasks (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The number of the task's `ActivityScheduled` event.
    task bigint NOT NULL,
    -- The account of the activity.
    account text NOT NULL,
    -- The name of the activity.
    activity text NOT NULL,
    -- JSON text, as the worker gets it.
    input bytea NOT NULL,
    -- When it was scheduled: who waits longest is served first.
    scheduled_at timestamptz NOT NULL,
    -- Until when a node may hand it out by itself; NULL, or past, when anyone may.
    claimed_until timestamptz,
    PRIMARY KEY (shard, execution_id, task),
    CONSTRAINT shard_in_range CHECK (shard BETWEEN 0 AND 255)
);

-- Serves the claim, oldest first. `claimed_until` is not in it, so that a claim rewrites no index.
CREATE INDEX activity_tasks_waiting
    ON activity_tasks (account, activity, scheduled_at, execution_id, task);
