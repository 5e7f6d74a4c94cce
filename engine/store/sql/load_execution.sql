-- The head of one execution. Served by the primary key.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header, life
FROM executions
WHERE shard = $1 AND id = $2
