-- Adds a backfill, unless as many run as may. What is due at its very first instant belongs to
-- it: decided is what lies a millisecond, the step of the engine's clock, before.
INSERT INTO schedule_backfills (
    id, schedule_id, from_at, until_at, per_minute, decided_until, next_at, created_at
)
SELECT $1, $2, $3, $4, $5, $3 - interval '1 millisecond', $6, $6
WHERE $7 > (
    SELECT count(*) FROM schedule_backfills WHERE schedule_id = $2 AND state = 'running'
)
ON CONFLICT DO NOTHING
RETURNING
    id, schedule_id, from_at, until_at, per_minute, state, decided_until, next_at, firings,
    created_at, ended_at
