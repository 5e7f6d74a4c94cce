-- Removes a schedule that has fired for the last time, if it is to go then.
DELETE FROM schedules
WHERE id = $1 AND holder = $2 AND changes = $3
    AND delete_after_completion AND state = 'enabled' AND next_due_at IS NULL
    AND EXISTS (
        SELECT 1 FROM schedule_firings
        WHERE schedule_id = schedules.id AND kind IN ('scheduled', 'catch_up')
    )
    AND NOT EXISTS (
        SELECT 1 FROM schedule_firings WHERE schedule_id = schedules.id AND decided_at IS NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM schedule_backfills
        WHERE schedule_id = schedules.id AND state = 'running'
    )
