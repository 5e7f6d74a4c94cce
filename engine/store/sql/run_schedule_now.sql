-- Makes a firing at a user's wish and has a node look, unless too many wait already.
WITH told AS (
    UPDATE schedules SET changes = changes + 1, wake_at = to_timestamp(0)
    WHERE account = $1 AND group_name = $2 AND name = $3 AND $6 > (
        SELECT count(*) FROM schedule_firings
        WHERE schedule_id = schedules.id AND decided_at IS NULL
    ) AND NOT EXISTS (
        SELECT FROM schedule_firings
        WHERE schedule_id = schedules.id AND request = $5 AND kind = 'run_now'
    )
    RETURNING id
)
INSERT INTO schedule_firings (
    schedule_id, due_at, request, kind, state, fire_at, next_try_at
)
SELECT id, $4, $5, 'run_now', 'pending', $4, $4 FROM told
ON CONFLICT DO NOTHING
