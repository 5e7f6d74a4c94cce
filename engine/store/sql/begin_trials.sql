-- Notes what a node is about to touch, where the shard is still in its epoch; gives those that are noted.
-- Where a log stands is looked up unless it is told. A trial outlives its node, which is what it is for;
-- one that is lost in a crash of the database was not needed: it need not reach the disk.
WITH lightly AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
)
INSERT INTO trials (shard, execution_id, epoch, node, alone, next_event)
SELECT shard, id, epoch, $1, $2, coalesce(
    touched.next_event,
    -- The last turn, by the end of the key.
    (
        SELECT first_event + event_count FROM turns
        WHERE turns.shard = touched.shard AND turns.execution_id = touched.id
        ORDER BY first_event DESC
        LIMIT 1
    ),
    0
)
FROM lightly
CROSS JOIN UNNEST($3::smallint[], $4::uuid[], $5::bigint[], $6::bigint[])
    AS touched (shard, id, epoch, next_event)
JOIN shards USING (shard, epoch)
ON CONFLICT (shard, execution_id) DO UPDATE
SET epoch = EXCLUDED.epoch, node = EXCLUDED.node, alone = EXCLUDED.alone,
    next_event = EXCLUDED.next_event
RETURNING execution_id
