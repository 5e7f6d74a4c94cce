-- Sets a schedule up anew. One that is due at other times now begins anew: what was due before
-- the change stays undone, and a rate without start date counts from the change.
WITH changed AS (
    SELECT
        id,
        (expression, timezone, starts_at, ends_at) IS DISTINCT FROM ($6, $7, $8, $9) AS timing
    FROM schedules
    WHERE account = $1 AND group_name = $2 AND name = $3
    FOR UPDATE
)
UPDATE schedules SET
    state_since = CASE WHEN state = $10 THEN state_since ELSE $4 END,
    modified_at = $4,
    description = $5,
    expression = $6,
    timezone = $7,
    starts_at = $8,
    ends_at = $9,
    state = $10,
    paused_reason = $11,
    target_arn = $12,
    role_arn = $13,
    input = $14,
    window_minutes = $15,
    overlap = $16,
    catch_up = $17,
    catch_up_seconds = $18,
    max_event_age_seconds = $19,
    max_retries = $20,
    dead_letter_arn = $21,
    kms_key_arn = $22,
    delete_after_completion = $23,
    anchor = CASE WHEN changed.timing THEN coalesce($8, $4) ELSE anchor END,
    decided_until = CASE WHEN changed.timing THEN $4 ELSE decided_until END,
    next_due_at = CASE WHEN changed.timing THEN NULL ELSE next_due_at END,
    changes = changes + 1,
    wake_at = to_timestamp(0)
FROM changed
WHERE schedules.id = changed.id
RETURNING
    schedules.id, account, group_name, name, description, expression, timezone, starts_at,
    ends_at, state, paused_reason, state_since, target_arn, role_arn, input, window_minutes,
    overlap, catch_up, catch_up_seconds, max_event_age_seconds, max_retries, dead_letter_arn,
    kms_key_arn, delete_after_completion, client_token, created_at, modified_at, anchor,
    decided_until, next_due_at, changes
