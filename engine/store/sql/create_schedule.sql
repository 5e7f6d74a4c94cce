-- Creates a schedule, unless its name is taken or its group is not there.
INSERT INTO schedules (
    account, group_name, name, state_since, created_at, modified_at, decided_until,
    description, expression, timezone, starts_at, ends_at, state, paused_reason, target_arn,
    role_arn, input, window_minutes, overlap, catch_up, catch_up_seconds, max_event_age_seconds,
    max_retries, dead_letter_arn, kms_key_arn, delete_after_completion, id, client_token, anchor,
    wake_at
)
SELECT
    $1, $2, $3, $4, $4, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
    $19, $20, $21, $22, $23, $24, $25, coalesce($8, $4), to_timestamp(0)
FROM schedule_groups
WHERE account = $1 AND name = $2
FOR KEY SHARE
ON CONFLICT DO NOTHING
RETURNING
    id, account, group_name, name, description, expression, timezone, starts_at, ends_at, state,
    paused_reason, state_since, target_arn, role_arn, input, window_minutes, overlap, catch_up,
    catch_up_seconds, max_event_age_seconds, max_retries, dead_letter_arn, kms_key_arn,
    delete_after_completion, client_token, created_at, modified_at, anchor, decided_until,
    next_due_at, changes
