-- Takes hold of schedules that have something to do and that nobody has hold of.
WITH waiting AS (
    SELECT id FROM schedules
    WHERE wake_at <= $3 AND (held_until IS NULL OR held_until <= coalesce($1, now()))
    ORDER BY wake_at
    LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE schedules SET
    holder = $2,
    held_until = coalesce($1, now()) + make_interval(secs => $4)
FROM waiting
WHERE schedules.id = waiting.id
RETURNING
    schedules.id, account, group_name, name, description, expression, timezone, starts_at,
    ends_at, state, paused_reason, state_since, target_arn, role_arn, input, window_minutes,
    overlap, catch_up, catch_up_seconds, max_event_age_seconds, max_retries, dead_letter_arn,
    kms_key_arn, delete_after_completion, client_token, created_at, modified_at, anchor,
    decided_until, next_due_at, changes
