-- Free and expired shards become the node's, and a new epoch begins. An owner whose lease has run out has
-- left without a word.
UPDATE shards
SET owner = $2, epoch = epoch + 1,
    expires_at = coalesce($1, now()) + make_interval(secs => $3),
    deaths = CASE
        WHEN owner IS NULL THEN deaths
        WHEN died_at > coalesce($1, now()) - interval '1 hour' THEN deaths + 1
        ELSE 1
    END,
    died_at = CASE WHEN owner IS NULL THEN died_at ELSE coalesce($1, now()) END,
    died_epoch = CASE WHEN owner IS NULL THEN died_epoch ELSE epoch END
WHERE shard IN (
    SELECT shard FROM shards
    WHERE owner IS NULL OR expires_at <= coalesce($1, now())
    ORDER BY shard
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING shard, epoch
