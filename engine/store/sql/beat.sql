-- A node says that it lives: counts those that do, forgets those that long do not, and moves its
-- own leases on. One that ran out is still its own while nobody has claimed it. A row for each shard
-- it owns, and one without a shard, so that the count is there even if it owns none. Shards are locked
-- in their order, as everywhere.
WITH forgotten AS (
    DELETE FROM nodes
    WHERE expires_at < coalesce($1, now()) - interval '1 hour' AND id <> $2
),
beaten AS (
    INSERT INTO nodes (id, address, expires_at)
    VALUES ($2, $3, coalesce($1, now()) + make_interval(secs => $4))
    ON CONFLICT (id) DO UPDATE SET address = EXCLUDED.address, expires_at = EXCLUDED.expires_at
),
mine AS (
    SELECT shard FROM shards
    WHERE owner = $2
    ORDER BY shard
    FOR UPDATE
),
renewed AS (
    UPDATE shards
    SET expires_at = coalesce($1, now()) + make_interval(secs => $4)
    FROM mine
    WHERE shards.shard = mine.shard
    RETURNING shards.shard, epoch
),
alive AS (
    SELECT 1 + count(*) AS live_nodes
    FROM nodes
    WHERE expires_at > coalesce($1, now()) AND id <> $2
)
SELECT shard, epoch, live_nodes FROM alive LEFT JOIN renewed ON true
