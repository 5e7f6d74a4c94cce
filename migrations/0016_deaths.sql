-- Executions over which nodes die. A shard whose owners died two times in a row, within an hour each, is
-- watched for the next hour: whatever is touched there stands in `trials` meanwhile. What is found there
-- after a death is suspected, from then on touched by itself alone, and set aside after three deaths.
--
-- Statements of earlier releases stay valid; what they take over they do not watch.

ALTER TABLE shards
    -- How many owners in a row have left it without a word: their lease ran out, or a later process of
    -- their name took it. One that comes more than an hour after the one before begins anew.
    ADD COLUMN deaths integer NOT NULL DEFAULT 0,
    -- When the last of them was found to be gone; NULL if none was.
    ADD COLUMN died_at timestamptz,
    -- The epoch in which that one owned it.
    ADD COLUMN died_epoch bigint;

-- What is being touched at this moment, in shards that are watched; empty almost always.
CREATE TABLE trials (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The epoch under which it is touched. A trial of an epoch that is over was not ended by its owner.
    epoch bigint NOT NULL,
    -- The node that touches it.
    node uuid NOT NULL,
    -- Nothing else of all that this node watches is touched at the same time.
    alone boolean NOT NULL,
    -- AWS's id of the event that its history would go on with; NULL while it is being loaded.
    next_id bigint,
    PRIMARY KEY (shard, execution_id)
);

-- Executions that were on trial when a node died.
CREATE TABLE suspects (
    -- The execution's shard.
    shard smallint NOT NULL,
    -- The execution.
    execution_id uuid NOT NULL,
    -- The `next_id` of the trial in which a node last died over it. Once a node has got it beyond that, it is
    -- suspected no more.
    next_id bigint,
    -- How many nodes have died over it there, while it was on trial alone.
    deaths integer NOT NULL,
    -- Those nodes, the first one first.
    nodes uuid[] NOT NULL,
    -- When the last death was found.
    died_at timestamptz NOT NULL,
    -- Since when no node loads it any more; NULL as long as they do.
    set_aside_at timestamptz,
    PRIMARY KEY (shard, execution_id)
);
