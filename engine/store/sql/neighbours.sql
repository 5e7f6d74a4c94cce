-- A node says where others reach it, if that has changed; told are all others that say so and have shards.
WITH said AS (
    UPDATE nodes SET address = $3 WHERE id = $2 AND address <> $3
)
SELECT nodes.id, nodes.address, array_agg(shard ORDER BY shard) AS shards
FROM shards JOIN nodes ON nodes.id = shards.owner
WHERE shards.owner <> $2 AND shards.expires_at > coalesce($1, now()) AND nodes.address <> ''
GROUP BY nodes.id, nodes.address
