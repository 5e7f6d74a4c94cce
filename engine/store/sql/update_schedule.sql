-- Sets a schedule up anew. One that is due at other times now begins anew, and a rate without start
-- date counts from the change. What was due just before and was not looked at yet is written down,
-- so that it is not lost. With $24, what AWS has no word for stays as it is.
WITH changed AS (
    SELECT
        id, decided_until, next_due_at, paused_at,
        state = 'paused' OR coalesce(paused_at < next_due_at AND next_due_at <= state_since, false)
            AS was_paused,
        (expression, timezone, starts_at, ends_at) IS DISTINCT FROM ($6, $7, $8, $9) AS timing,
        (expression, starts_at) IS DISTINCT FROM ($6, $8) AS phase
    FROM schedules
    WHERE account = $1 AND group_name = $2 AND name = $3
    FOR UPDATE
),
overdue AS (
    INSERT INTO schedule_firings (
        schedule_id, due_at, request, kind, state, fire_at, next_try_at, decided_at, reason
    )
    SELECT
        id, next_due_at, '00000000-0000-0000-0000-000000000000', 'scheduled',
        CASE WHEN was_paused THEN 'skipped' ELSE 'pending' END,
        next_due_at,
        CASE WHEN NOT was_paused THEN next_due_at END,
        CASE WHEN was_paused THEN $4 END,
        CASE WHEN was_paused THEN 'the schedule was paused' END
    FROM changed
    WHERE timing AND next_due_at <= $4 AND next_due_at > decided_until
    ON CONFLICT DO NOTHING
)
UPDATE schedules SET
    state_since = CASE WHEN schedules.state = $10 THEN state_since ELSE $4 END,
    modified_at = $4,
    description = $5,
    expression = $6,
    timezone = $7,
    starts_at = $8,
    ends_at = $9,
    state = $10,
    paused_reason = CASE WHEN $24 AND schedules.state = $10 THEN paused_reason ELSE $11 END,
    paused_at = CASE
        WHEN schedules.state = $10 OR $10 = 'enabled' THEN changed.paused_at
        WHEN state_since > changed.decided_until THEN coalesce(changed.paused_at, $4)
        ELSE $4
    END,
    target_arn = $12,
    role_arn = $13,
    input = $14,
    window_minutes = $15,
    overlap = CASE WHEN $24 THEN overlap ELSE $16 END,
    catch_up = CASE WHEN $24 THEN catch_up ELSE $17 END,
    catch_up_seconds = CASE WHEN $24 THEN catch_up_seconds ELSE $18 END,
    max_event_age_seconds = $19,
    max_retries = $20,
    dead_letter_arn = $21,
    kms_key_arn = $22,
    delete_after_completion = $23,
    anchor = CASE WHEN changed.phase THEN coalesce($8, $4) ELSE anchor END,
    decided_until = CASE
        WHEN changed.timing THEN greatest(changed.decided_until, $4)
        ELSE changed.decided_until
    END,
    next_due_at = CASE WHEN changed.timing THEN NULL ELSE changed.next_due_at END,
    changes = changes + 1,
    wake_at = to_timestamp(0)
FROM changed
WHERE schedules.id = changed.id
