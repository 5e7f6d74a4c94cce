-- Of each of these shards for how many more milliseconds it is watched, and its suspects: a row for each, and
-- one without for a shard that has none.
SELECT shards.shard,
    CASE WHEN deaths_in_a_row >= 2 THEN (extract(epoch FROM until) * 1000)::bigint ELSE 0 END AS watched_ms,
    execution_id, set_aside_at IS NOT NULL AS is_set_aside
FROM (
    SELECT shard, deaths AS deaths_in_a_row,
        greatest(died_at + interval '1 hour' - coalesce($1, now()), interval '0') AS until
    FROM shards
    WHERE shard = ANY($2)
) AS shards
LEFT JOIN suspects USING (shard)
