-- A node ($3, of the release $6) is about to load an execution ($1, $2), or to let something happen to it, at
-- the time $5. How many nodes have died over that; after three it is set aside, and nothing is noted.
WITH known AS (
    SELECT greatest(
        (SELECT count(*) FROM trials
            WHERE shard = $1 AND execution_id = $2 AND node <> $3 AND is_load = $4
                AND began_at > coalesce($5, now()) - interval '1 day'),
        -- Asked again, because the answer was lost.
        (SELECT deaths FROM set_aside
            WHERE shard = $1 AND execution_id = $2 AND $6 = ANY(releases))
    ) AS deaths
),
aside AS (
    INSERT INTO set_aside (shard, execution_id, since, deaths, releases)
    SELECT $1, $2, coalesce($5, now()), deaths, ARRAY[$6] FROM known WHERE deaths >= 3
    ON CONFLICT (shard, execution_id) DO UPDATE
    SET since = EXCLUDED.since, deaths = EXCLUDED.deaths,
        releases = array_append(array_remove(set_aside.releases, $6), $6)
),
done AS (
    -- Another release counts anew.
    DELETE FROM trials
    WHERE shard = $1 AND execution_id = $2 AND (SELECT deaths FROM known) >= 3
),
noted AS (
    INSERT INTO trials (shard, execution_id, node, is_load, began_at)
    SELECT $1, $2, $3, $4, coalesce($5, now()) FROM known WHERE deaths < 3
    ON CONFLICT (shard, execution_id, node) DO UPDATE
    SET is_load = EXCLUDED.is_load, began_at = EXCLUDED.began_at
)
SELECT deaths FROM known
