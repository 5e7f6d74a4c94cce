-- A page of the executions that must be in their owner's memory. Served by executions_active.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header, life
FROM executions
WHERE shard = ANY($1) AND status = 'RUNNING' AND wake_at IS NULL
    AND (shard, id) > ($2, $3)
ORDER BY shard, id
LIMIT $4
