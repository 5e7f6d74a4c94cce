-- Forgets the oldest decisions about a schedule, but not those whose executions run.
DELETE FROM schedule_firings USING (
    SELECT due_at, request FROM schedule_firings
    WHERE schedule_id = $1 AND decided_at IS NOT NULL AND (state <> 'started' OR is_over)
    ORDER BY decided_at DESC, due_at DESC, request DESC
    OFFSET $2
) AS old
WHERE schedule_firings.schedule_id = $1 AND schedule_firings.due_at = old.due_at
    AND schedule_firings.request = old.request
