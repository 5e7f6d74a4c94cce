-- Lets go of a schedule; it has something to do when it is due next, when one of its firings is
-- tried next, or when one of its backfills may go on.
UPDATE schedules SET
    holder = NULL,
    held_until = NULL,
    wake_at = CASE WHEN changes = $3 THEN least(
        next_due_at,
        (
            SELECT min(next_try_at) FROM schedule_firings
            WHERE schedule_id = schedules.id AND decided_at IS NULL
        ),
        (
            SELECT min(next_at) FROM schedule_backfills
            WHERE schedule_id = schedules.id AND state = 'running'
        )
    ) ELSE to_timestamp(0) END
WHERE id = $1 AND holder = $2
