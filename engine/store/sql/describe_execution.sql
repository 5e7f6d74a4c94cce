-- One execution by its name. Served by executions_name.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header,
    input, output, error, cause, failed_state
FROM executions
WHERE shard = $1 AND account = $2 AND state_machine = $3 AND name = $4
