-- One execution by its name: of the state machine that has its name now; once that is gone, of the
-- last one that had such an execution. Served by executions_name.
SELECT
    id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
    ended_at, wake_at, trace_header, life,
    input, output, error, cause, failed_state
FROM executions
WHERE shard = $1 AND account = $2 AND state_machine = $3 AND name = $4
    AND life = coalesce(
        (SELECT machines.life FROM state_machines AS machines
            WHERE machines.account = $2 AND machines.name = $3), life
    )
ORDER BY started_at DESC
LIMIT 1
