-- Passes over firings of a schedule that were written down in time, should have started before $3
-- and were never tried, if the catch-up policy does not make up for them.
WITH held AS (
    SELECT id, catch_up, catch_up_seconds FROM schedules
    WHERE id = $1 AND holder = $2 AND changes = $6
    FOR NO KEY UPDATE
),
untried AS (
    SELECT due_at, kind, fire_at FROM schedule_firings
    WHERE schedule_id = $1 AND decided_at IS NULL AND state = 'pending' AND attempts = 0
        AND kind IN ('scheduled', 'catch_up')
),
made_up_for AS (
    SELECT due_at FROM untried WHERE kind = 'catch_up' OR fire_at < $3
)
UPDATE schedule_firings AS firings SET
    state = 'skipped',
    decided_at = $4,
    next_try_at = NULL,
    reason = $5
FROM held, untried
WHERE firings.schedule_id = held.id AND firings.due_at = untried.due_at
    AND firings.request = '00000000-0000-0000-0000-000000000000'
    AND firings.decided_at IS NULL AND firings.attempts = 0 AND untried.fire_at < $3
    AND CASE held.catch_up
        WHEN 'skip' THEN true
        WHEN 'one' THEN untried.due_at < (SELECT max(due_at) FROM made_up_for)
            OR untried.due_at < $4 - make_interval(secs => held.catch_up_seconds)
        ELSE untried.due_at < $4 - make_interval(secs => held.catch_up_seconds)
    END
