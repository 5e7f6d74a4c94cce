-- Decides a firing, once, if its schedule is still held by who decides.
WITH held AS (
    SELECT id FROM schedules WHERE id = $1 AND holder = $2 FOR NO KEY UPDATE
)
UPDATE schedule_firings SET
    state = $5,
    decided_at = $6,
    next_try_at = NULL,
    input = NULL,
    reason = $7,
    state_machine = $8,
    execution = $9,
    shard = $10
FROM held
WHERE schedule_id = held.id AND due_at = $3 AND request = $4 AND decided_at IS NULL
