-- A node's name outlives its process: by it a process that is started again finds what the one before
-- it owned. And a node that is about to stop says so, so that others take its share.

ALTER TABLE nodes
    -- The same after every start; empty for a node that has none. A process of this name holds a
    -- session's advisory lock on it as long as it lives.
    ADD COLUMN name text NOT NULL DEFAULT '',
    -- It hands its shards over and takes no more: it does not count when shares are made.
    ADD COLUMN draining boolean NOT NULL DEFAULT false;
