-- Looks at some executions of a schedule that are not known to have ended, the oldest or any, and
-- notes which have. The schedule's row is locked first, as by everyone who writes about its firings.
WITH held AS MATERIALIZED (
    SELECT id, account FROM schedules WHERE id = $1 FOR NO KEY UPDATE
),
chosen AS MATERIALIZED (
    SELECT held.account, due_at, request, state_machine, execution, shard
    FROM held
    JOIN schedule_firings ON schedule_id = held.id
    WHERE schedule_id = $1 AND state = 'started' AND NOT is_over
    ORDER BY CASE WHEN $3 THEN random() END, due_at, request
    LIMIT $2
),
looked_at AS (
    SELECT chosen.due_at, chosen.request, chosen.state_machine, chosen.execution,
        EXISTS (
            SELECT FROM executions
            WHERE executions.shard = chosen.shard
                AND executions.account = chosen.account
                AND executions.state_machine = chosen.state_machine
                AND executions.name = chosen.execution
                AND executions.status = 'RUNNING'
        ) AS runs
    FROM chosen
),
noted AS (
    UPDATE schedule_firings AS firings SET is_over = true
    FROM looked_at
    WHERE firings.schedule_id = $1 AND firings.due_at = looked_at.due_at
        AND firings.request = looked_at.request AND NOT looked_at.runs
)
SELECT due_at, request, state_machine, execution, runs FROM looked_at
ORDER BY due_at, request
