-- A node says that it lives: counts those that do and go on, forgets those that long do not, and moves
-- its own leases on. One that ran out is still its own while nobody has claimed it. A row for each shard
-- it owns, and one without a shard, so that the counts are there even if it owns none. Shards are locked
-- in their order, as everywhere. Tells the time, too, so that clocks can be compared.
WITH forgotten AS (
    DELETE FROM nodes
    WHERE expires_at < coalesce($1, now()) - interval '1 hour' AND id <> $2
),
beaten AS (
    INSERT INTO nodes (id, address, name, draining, expires_at)
    VALUES ($2, '', $3, $5, coalesce($1, now()) + make_interval(secs => $4))
    ON CONFLICT (id) DO UPDATE
    SET name = EXCLUDED.name, draining = EXCLUDED.draining, expires_at = EXCLUDED.expires_at
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
    RETURNING shards.shard, epoch, coalesce(watched_until > coalesce($1, now()), false) AS is_watched
),
alive AS (
    SELECT count(*) + CASE WHEN $5 THEN 0 ELSE 1 END AS live_nodes
    FROM nodes
    WHERE expires_at > coalesce($1, now()) AND NOT draining AND id <> $2
),
orphaned AS (
    SELECT count(*) AS orphans
    FROM shards
    WHERE owner IS NULL OR (owner <> $2 AND expires_at <= coalesce($1, now()))
)
SELECT shard, epoch, is_watched, live_nodes, orphans, coalesce($1, now()) AS told_at
FROM alive CROSS JOIN orphaned LEFT JOIN renewed ON true
