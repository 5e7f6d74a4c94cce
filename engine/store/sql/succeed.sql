-- Whatever earlier processes of this name own becomes this node's, in a new epoch; they are forgotten.
WITH earlier AS (
    DELETE FROM nodes WHERE name = $3 AND name <> '' AND id <> $2 RETURNING id
),
theirs AS (
    SELECT shard FROM shards
    WHERE owner IN (SELECT id FROM earlier)
    ORDER BY shard
    FOR UPDATE
)
UPDATE shards
SET owner = $2, epoch = epoch + 1, expires_at = coalesce($1, now()) + make_interval(secs => $4),
    -- As by any claim of what a node has left without a word.
    watched_until = CASE
        WHEN died_at > coalesce($1, now()) - interval '1 hour'
        THEN coalesce($1, now()) + interval '1 hour' ELSE watched_until END,
    died_at = coalesce($1, now())
FROM theirs
WHERE shards.shard = theirs.shard
RETURNING shards.shard
