-- Puts executions to sleep whose shards are still in the caller's epochs. The row locks make a
-- new owner wait, or us see its epoch.
WITH sleepers AS (
    SELECT shard, id, wake_at, epoch
    FROM UNNEST($1::smallint[], $2::uuid[], $3::timestamptz[], $4::bigint[])
        AS sleepers (shard, id, wake_at, epoch)
),
owned AS (
    SELECT shard, epoch FROM shards
    WHERE (shard, epoch) IN (SELECT shard, epoch FROM sleepers)
    ORDER BY shard
    FOR UPDATE
)
UPDATE executions
SET wake_at = sleepers.wake_at
FROM sleepers JOIN owned USING (shard, epoch)
WHERE executions.shard = sleepers.shard AND executions.id = sleepers.id
    AND executions.status = 'RUNNING'
RETURNING executions.id
