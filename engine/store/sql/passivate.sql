-- Puts an execution to sleep, or with NULL back among the active ones, if the shard is still in
-- the caller's epoch. The row lock makes a new owner wait, or us see its epoch.
WITH owned AS (
    SELECT shard FROM shards
    WHERE shard = $1 AND epoch = $4
    FOR UPDATE
)
UPDATE executions
SET wake_at = $3
FROM owned
WHERE executions.shard = owned.shard AND executions.id = $2 AND executions.status = 'RUNNING'
