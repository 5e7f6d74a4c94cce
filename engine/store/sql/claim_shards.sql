-- Free and expired shards become the node's, and a new epoch begins.
UPDATE shards
SET owner = $2, epoch = epoch + 1,
    expires_at = coalesce($1, now()) + make_interval(secs => $3)
WHERE shard IN (
    SELECT shard FROM shards
    WHERE owner IS NULL OR expires_at <= coalesce($1, now())
    ORDER BY shard
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING shard, epoch
