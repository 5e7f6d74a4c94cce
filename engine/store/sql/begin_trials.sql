-- Notes what a node is about to touch, where the shard is still in its epoch; gives those that are noted.
-- A note outlives its node, which is what it is for; one that is lost in a crash of the database was not
-- needed: it need not reach the disk.
WITH lightly AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
)
INSERT INTO trials (shard, execution_id, epoch, node, alone, next_id)
SELECT shard, id, epoch, $1, $2, next_id
FROM lightly
CROSS JOIN UNNEST($3::smallint[], $4::uuid[], $5::bigint[], $6::bigint[])
    AS touched (shard, id, epoch, next_id)
JOIN shards USING (shard, epoch)
ON CONFLICT (shard, execution_id) DO UPDATE
SET epoch = EXCLUDED.epoch, node = EXCLUDED.node, alone = EXCLUDED.alone, next_id = EXCLUDED.next_id
RETURNING execution_id
