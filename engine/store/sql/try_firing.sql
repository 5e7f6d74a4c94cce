-- Renews the hold on a schedule and, if it was still held, counts an attempt at its firing.
WITH held AS (
    UPDATE schedules SET held_until = coalesce($1, now()) + make_interval(secs => $4)
    WHERE id = $2 AND holder = $3
    RETURNING id, target_arn
)
UPDATE schedule_firings SET
    attempts = attempts + 1,
    target_arn = coalesce(schedule_firings.target_arn, held.target_arn)
FROM held
WHERE schedule_id = held.id AND due_at = $5 AND request = $6 AND decided_at IS NULL
RETURNING attempts, schedule_firings.target_arn
