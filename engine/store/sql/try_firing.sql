-- Renews the hold on a schedule and, if it was still held and nobody has changed it, counts an
-- attempt at its firing. The first one fixes what is started, and with which input.
WITH held AS (
    UPDATE schedules SET held_until = coalesce($1, now()) + make_interval(secs => $5)
    WHERE id = $2 AND holder = $3 AND changes = $4
    RETURNING id, target_arn, input
)
UPDATE schedule_firings SET
    attempts = attempts + 1,
    first_tried_at = coalesce(first_tried_at, $8),
    target_arn = coalesce(schedule_firings.target_arn, held.target_arn),
    input = CASE
        WHEN schedule_firings.target_arn IS NULL THEN held.input
        ELSE schedule_firings.input
    END
FROM held
WHERE schedule_id = held.id AND due_at = $6 AND request = $7 AND decided_at IS NULL
RETURNING attempts, schedule_firings.target_arn, schedule_firings.input
