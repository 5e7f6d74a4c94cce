-- What earlier owners of these shards were touching when they went. Whoever was found to be gone died over
-- it; with others beside it that is a suspicion only. Deaths at another place of its log do not count any more.
WITH mine AS (
    SELECT shard, epoch, died_epoch FROM shards
    JOIN UNNEST($2::smallint[], $3::bigint[]) AS owned (shard, epoch) USING (shard, epoch)
),
left_behind AS (
    DELETE FROM trials USING mine
    WHERE trials.shard = mine.shard AND trials.epoch < mine.epoch
    RETURNING trials.*, trials.epoch = mine.died_epoch AS is_death
)
INSERT INTO suspects (shard, execution_id, next_id, deaths, nodes, died_at)
SELECT shard, execution_id, next_id, alone::integer,
    CASE WHEN alone THEN ARRAY[node] ELSE ARRAY[]::uuid[] END, coalesce($1, now())
FROM left_behind
WHERE is_death
ON CONFLICT (shard, execution_id) DO UPDATE
SET next_id = EXCLUDED.next_id, died_at = EXCLUDED.died_at,
    deaths = EXCLUDED.deaths + CASE
        WHEN suspects.next_id IS NOT DISTINCT FROM EXCLUDED.next_id THEN suspects.deaths
        ELSE 0
    END,
    nodes = CASE
        WHEN suspects.next_id IS NOT DISTINCT FROM EXCLUDED.next_id THEN suspects.nodes
        ELSE '{}'
    END || EXCLUDED.nodes
