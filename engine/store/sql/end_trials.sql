-- The node has touched these, and lives. What was suspected where it has got beyond that is so no more: those
-- that are named, and those that have been loaded, where that was suspected.
WITH lightly AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
),
ended AS (
    DELETE FROM trials
    USING lightly, UNNEST($2::smallint[], $3::uuid[]) AS touched (shard, id)
    WHERE trials.shard = touched.shard AND trials.execution_id = touched.id AND node = $1
    RETURNING trials.shard, trials.execution_id, trials.next_id
)
DELETE FROM suspects USING ended
WHERE suspects.shard = ended.shard AND suspects.execution_id = ended.execution_id
    AND set_aside_at IS NULL
    AND (ended.execution_id = ANY($4) OR (ended.next_id IS NULL AND suspects.next_id IS NULL))
