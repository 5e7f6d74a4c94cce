-- Executions that sleep because their calls wait for a place behind many others. Their owner remembers in which
-- order; whoever owns their shard next has to ask for their places anew.
--
-- Statements of earlier releases stay valid: what is asleep wakes in time there, too. The index is built in one
-- transaction: executions can be read, not written, meanwhile.

ALTER TABLE executions
    -- It sleeps until there is a place for its calls; only where `wake_at` is set.
    ADD COLUMN waits_for_place boolean NOT NULL DEFAULT false;

CREATE INDEX executions_waiting ON executions (shard, id)
    WHERE status = 'RUNNING' AND waits_for_place AND wake_at IS NOT NULL;
