-- Pauses a schedule or enables it again. A pause that begins before the end of an earlier one was
-- looked at goes on from where that began.
UPDATE schedules SET
    state = $4,
    paused_reason = $5,
    state_since = CASE WHEN state = $4 THEN state_since ELSE $6 END,
    paused_at = CASE
        WHEN state = $4 OR $4 = 'enabled' THEN paused_at
        WHEN state_since > decided_until THEN coalesce(paused_at, $6)
        ELSE $6
    END,
    modified_at = $6,
    changes = changes + 1,
    wake_at = to_timestamp(0)
WHERE account = $1 AND group_name = $2 AND name = $3
