-- Creates a schedule, unless its name is taken or its group is not there, or goes. What is due at the
-- very instant belongs to it, as a rate without start date is: decided is what lies a millisecond,
-- the step of the engine's clock, before.
INSERT INTO schedules (
    account, group_name, name, state_since, created_at, modified_at, decided_until,
    description, expression, timezone, starts_at, ends_at, state, paused_reason, target_arn,
    role_arn, input, window_minutes, overlap, catch_up, catch_up_seconds, max_event_age_seconds,
    max_retries, dead_letter_arn, kms_key_arn, delete_after_completion, id, client_token, anchor,
    wake_at, paused_at
)
SELECT
    $1, $2, $3, $4, $4, $4, $4 - interval '1 millisecond', $5, $6, $7, $8, $9, $10, $11, $12, $13,
    $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, coalesce($8, $4), to_timestamp(0),
    CASE WHEN $10 = 'paused' THEN $4 - interval '1 millisecond' END
FROM schedule_groups
WHERE account = $1 AND name = $2 AND NOT is_deleting
FOR KEY SHARE
ON CONFLICT DO NOTHING
