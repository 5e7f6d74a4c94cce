-- Notes that due times do not run, in the row before if that says the same of those before.
WITH latest AS (
    SELECT due_at, state, reason, since, due_count FROM schedule_firings
    WHERE schedule_id = $1 AND request = $3 AND due_at < $2
    ORDER BY due_at DESC
    LIMIT 1
),
taken AS (
    DELETE FROM schedule_firings USING latest
    WHERE schedule_id = $1 AND schedule_firings.due_at = latest.due_at AND request = $3
        AND latest.state = 'skipped' AND latest.reason = $7
    RETURNING coalesce(latest.since, latest.due_at) AS since, latest.due_count
)
INSERT INTO schedule_firings (
    schedule_id, due_at, request, kind, state, fire_at, decided_at, reason, since, due_count
)
VALUES (
    $1, $2, $3, $4, 'skipped', $5, $6, $7, coalesce((SELECT since FROM taken), $8),
    $9 + coalesce((SELECT due_count FROM taken), 0)
)
ON CONFLICT DO NOTHING
