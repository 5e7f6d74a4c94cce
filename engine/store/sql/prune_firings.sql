-- Forgets the oldest decisions about a schedule; those whose executions run are kept longer.
WITH held AS (
    SELECT id FROM schedules WHERE id = $1 FOR KEY SHARE
),
old AS (
    (
        SELECT due_at, request FROM schedule_firings
        WHERE schedule_id = $1 AND decided_at IS NOT NULL AND (state <> 'started' OR is_over)
        ORDER BY decided_at DESC, due_at DESC, request DESC
        OFFSET $2
    )
    UNION ALL
    (
        SELECT due_at, request FROM schedule_firings
        WHERE schedule_id = $1 AND state = 'started' AND NOT is_over
        ORDER BY due_at DESC, request DESC
        OFFSET $3
    )
)
DELETE FROM schedule_firings USING held, old
WHERE schedule_firings.schedule_id = held.id AND schedule_firings.due_at = old.due_at
    AND schedule_firings.request = old.request
