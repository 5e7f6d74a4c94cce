-- What is known of executions before they are loaded, and what the release $1 knows of each.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header, life,
    EXISTS (
        SELECT FROM set_aside
        WHERE set_aside.shard = executions.shard AND set_aside.execution_id = executions.id
            AND $1 = ANY(releases)
    ) AS is_set_aside,
    EXISTS (
        SELECT FROM trials WHERE trials.shard = executions.shard AND trials.execution_id = executions.id
    ) OR EXISTS (
        SELECT FROM set_aside
        WHERE set_aside.shard = executions.shard AND set_aside.execution_id = executions.id
    ) AS is_suspect,
    (
        SELECT next_event FROM snapshots
        WHERE snapshots.shard = executions.shard AND snapshots.execution_id = executions.id
            AND release = $1
    ) AS snapshot_at
FROM executions
