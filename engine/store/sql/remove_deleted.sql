-- Deleted state machines of which nothing runs go, with their tags; versions go by cascade.
WITH idle AS (
    SELECT account, name FROM state_machines AS machines
    WHERE status = 'DELETING' AND NOT EXISTS (
        SELECT 1 FROM executions
        WHERE executions.account = machines.account
            AND executions.state_machine = machines.name AND executions.status = 'RUNNING'
    )
    ORDER BY account, name
    LIMIT 100
    FOR UPDATE SKIP LOCKED
),
untagged AS (
    DELETE FROM tags USING idle
    WHERE tags.account = idle.account AND tags.resource = 'stateMachine:' || idle.name
),
removed AS (
    DELETE FROM state_machines AS machines USING idle
    WHERE machines.account = idle.account AND machines.name = idle.name
    RETURNING 1
)
SELECT count(*) FROM removed
