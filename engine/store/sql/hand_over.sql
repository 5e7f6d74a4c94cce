-- These shards, if they are still the node's, become those of the heirs named beside them, in a new
-- epoch, until those are to beat at the latest. Locked in their order, as everywhere.
WITH mine AS (
    SELECT shards.shard, heir
    FROM shards JOIN UNNEST($2::smallint[], $3::uuid[]) AS given (shard, heir) USING (shard)
    WHERE owner = $1
    ORDER BY shards.shard
    FOR UPDATE OF shards
)
UPDATE shards SET owner = nodes.id, epoch = epoch + 1, expires_at = nodes.expires_at
FROM mine JOIN nodes ON nodes.id = mine.heir
WHERE shards.shard = mine.shard
