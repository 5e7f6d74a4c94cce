-- Has an undecided firing tried later, if its schedule is still held by who says so.
WITH held AS (
    SELECT id FROM schedules WHERE id = $1 AND holder = $2 FOR NO KEY UPDATE
)
UPDATE schedule_firings SET
    state = $5,
    next_try_at = $6,
    reason = coalesce($7, reason),
    refusals = refusals + $8
FROM held
WHERE schedule_id = held.id AND due_at = $3 AND request = $4 AND decided_at IS NULL
