-- Lives that are over, and of which nothing runs or can come any more.
DELETE FROM ended_lives AS lives
WHERE ended_at < now() - interval '1 hour' AND NOT EXISTS (
    SELECT FROM executions
    WHERE executions.account = lives.account AND executions.state_machine = lives.state_machine
        AND executions.status = 'RUNNING' AND executions.life = lives.life
)
