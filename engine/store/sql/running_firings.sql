-- The executions of a schedule that run; notes of the others that they have ended.
WITH started AS (
    SELECT firings.due_at, firings.request, firings.kind, firings.state_machine,
        firings.execution, coalesce(executions.status = 'RUNNING', false) AS runs
    FROM schedule_firings AS firings
    JOIN schedules ON schedules.id = firings.schedule_id
    LEFT JOIN executions
        ON executions.shard = firings.shard
        AND executions.account = schedules.account
        AND executions.state_machine = firings.state_machine
        AND executions.name = firings.execution
    WHERE firings.schedule_id = $1 AND firings.state = 'started' AND NOT firings.is_over
),
noted AS (
    UPDATE schedule_firings AS firings SET is_over = true
    FROM started
    WHERE firings.schedule_id = $1 AND firings.due_at = started.due_at
        AND firings.request = started.request AND NOT started.runs
)
SELECT due_at, request, kind, state_machine, execution FROM started
WHERE runs
ORDER BY due_at, request
LIMIT $2
