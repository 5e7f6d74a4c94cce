-- Puts executions to sleep whose shards are still in the caller's epochs, and to which nothing has
-- happened since. The shards' rows are locked: nobody writes to them or takes them over meanwhile.
UPDATE executions
SET wake_at = sleepers.wake_at, waits_for_place = sleepers.waits_for_place
FROM UNNEST($1::smallint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[],
        $6::boolean[])
    AS sleepers (shard, id, wake_at, epoch, next_event, waits_for_place)
JOIN shards USING (shard, epoch)
WHERE executions.shard = sleepers.shard AND executions.id = sleepers.id
    AND executions.status = 'RUNNING'
    -- The last turn, by the end of the key: a look for each, however many turns there are.
    AND sleepers.next_event > (
        SELECT first_event FROM turns
        WHERE turns.shard = sleepers.shard AND turns.execution_id = sleepers.id
        ORDER BY first_event DESC
        LIMIT 1
    )
RETURNING executions.id
