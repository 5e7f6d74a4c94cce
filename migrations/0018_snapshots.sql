-- Executions as they were when they went to sleep, so that waking them does not take their whole log. A snapshot
-- says nothing that the turns before `next_event` do not: any may be deleted at any time.
--
-- Statements of earlier releases stay valid.

CREATE TABLE snapshots (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The number of the event that its log goes on with.
    next_event bigint NOT NULL,
    -- The release that wrote it; no other reads it.
    release text NOT NULL,
    -- As `machine::snapshot` writes it.
    body bytea NOT NULL,
    PRIMARY KEY (shard, execution_id)
);
