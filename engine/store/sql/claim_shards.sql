-- Free and expired shards become the node's, and a new epoch begins. One whose owner went without a word, the
-- second time within an hour, is watched for the next one.
UPDATE shards
SET owner = $2, epoch = epoch + 1,
    expires_at = coalesce($1, now()) + make_interval(secs => $3),
    watched_until = CASE
        WHEN owner IS NOT NULL AND died_at > coalesce($1, now()) - interval '1 hour'
        THEN coalesce($1, now()) + interval '1 hour' ELSE watched_until END,
    died_at = CASE WHEN owner IS NULL THEN died_at ELSE coalesce($1, now()) END
WHERE shard IN (
    SELECT shard FROM shards
    WHERE owner IS NULL OR expires_at <= coalesce($1, now())
    ORDER BY shard
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING shard, epoch, coalesce(watched_until > coalesce($1, now()), false) AS is_watched
