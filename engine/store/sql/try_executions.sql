-- A node ($3, of the release $6) is about to load these executions ($1, $2), or to let something happen to them,
-- at the time $5. Over each, how many nodes have died already at the same; after three it is set aside, and
-- nothing is noted of it.
WITH asked AS (
    SELECT * FROM unnest($1::smallint[], $2::uuid[]) AS asked (shard, execution_id)
),
known AS (
    SELECT shard, execution_id, greatest(
        (SELECT count(*) FROM trials
            WHERE trials.shard = asked.shard AND trials.execution_id = asked.execution_id
                AND node <> $3 AND is_load = $4
                AND began_at > coalesce($5, now()) - interval '1 day'),
        -- Asked again, because the answer was lost.
        (SELECT deaths FROM set_aside
            WHERE set_aside.shard = asked.shard AND set_aside.execution_id = asked.execution_id
                AND $6 = ANY(releases))
    ) AS deaths
    FROM asked
),
aside AS (
    INSERT INTO set_aside (shard, execution_id, since, deaths, releases)
    SELECT shard, execution_id, coalesce($5, now()), deaths, ARRAY[$6] FROM known WHERE deaths >= 3
    ON CONFLICT (shard, execution_id) DO UPDATE
    SET since = EXCLUDED.since, deaths = EXCLUDED.deaths,
        releases = array_append(array_remove(set_aside.releases, $6), $6)
),
done AS (
    -- Another release counts anew.
    DELETE FROM trials
    WHERE (shard, execution_id) IN (SELECT shard, execution_id FROM known WHERE deaths >= 3)
),
noted AS (
    INSERT INTO trials (shard, execution_id, node, is_load, began_at)
    SELECT shard, execution_id, $3, $4, coalesce($5, now()) FROM known WHERE deaths < 3
    ON CONFLICT (shard, execution_id, node) DO UPDATE
    SET is_load = EXCLUDED.is_load, began_at = EXCLUDED.began_at
)
SELECT execution_id, deaths FROM known
