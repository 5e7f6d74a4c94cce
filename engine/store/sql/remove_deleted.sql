-- Deleted state machines of which nothing runs go; versions go by cascade. That their lives are over is
-- kept for starts that are still under way.
WITH idle AS (
    SELECT account, name FROM state_machines AS machines
    WHERE status = 'DELETING' AND NOT EXISTS (
        SELECT 1 FROM executions
        WHERE executions.account = machines.account
            AND executions.state_machine = machines.name AND executions.status = 'RUNNING'
            AND executions.life = machines.life
    )
    ORDER BY account, name
    LIMIT 100
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM state_machines AS machines USING idle
    WHERE machines.account = idle.account AND machines.name = idle.name
    RETURNING machines.account, machines.name, machines.life
),
ended AS (
    INSERT INTO ended_lives (account, state_machine, life) SELECT account, name, life FROM gone
    ON CONFLICT DO NOTHING
)
SELECT account, name FROM gone
