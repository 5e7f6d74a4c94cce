-- Executions over which nodes die. A shard whose owners have died twice within an hour is watched for the next
-- one: whoever owns it notes what it is about to load or to step, one thing at a time, and takes the note
-- back when it has lived through it. What a node that is gone has left behind tells what it died over.
--
-- Statements of earlier releases stay valid; what they own they do not watch, and what is set aside they load.

ALTER TABLE shards
    -- When it was last found that an owner had gone without a word; NULL if none did.
    ADD COLUMN died_at timestamptz,
    -- Until when it is watched; NULL if it never was.
    ADD COLUMN watched_until timestamptz;

-- What nodes are about to do in shards that are watched, and what they died over; empty almost always.
CREATE TABLE trials (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The process that tries it.
    node uuid NOT NULL,
    -- Whether its log is read, or something happens to it.
    is_load boolean NOT NULL,
    -- When that began.
    began_at timestamptz NOT NULL,
    PRIMARY KEY (shard, execution_id, node)
);

-- Executions that nodes do not load any more.
CREATE TABLE set_aside (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- Since when.
    since timestamptz NOT NULL,
    -- How many nodes have died over it.
    deaths bigint NOT NULL,
    -- The releases of the nodes that died. Others try it again.
    releases text[] NOT NULL,
    PRIMARY KEY (shard, execution_id)
);
