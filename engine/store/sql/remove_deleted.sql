-- Deleted state machines of which nothing runs go; versions go by cascade.
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
)
DELETE FROM state_machines AS machines USING idle
WHERE machines.account = idle.account AND machines.name = idle.name
RETURNING machines.account, machines.name
