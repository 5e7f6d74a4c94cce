-- The node has touched these, and lives.
WITH lightly AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
)
DELETE FROM trials
USING lightly, UNNEST($2::smallint[], $3::uuid[]) AS touched (shard, id)
WHERE trials.shard = touched.shard AND trials.execution_id = touched.id AND node = $1
