-- A page of the executions that must be in their owner's memory, and what the release $5 knows of each. Served by
-- executions_active.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header, life,
    EXISTS (
        SELECT FROM set_aside
        WHERE set_aside.shard = executions.shard AND set_aside.execution_id = executions.id
            AND $5 = ANY(releases)
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
            AND release = $5
    ) AS snapshot_at
FROM executions
WHERE shard = ANY($1) AND status = 'RUNNING' AND wake_at IS NULL
    AND (shard, id) > ($2, $3)
ORDER BY shard, id
LIMIT $4
