-- Takes hold of schedules that have something to do and that nobody has hold of.
WITH waiting AS (
    SELECT id FROM schedules
    WHERE wake_at <= $3 AND (held_until IS NULL OR held_until <= coalesce($1, now()))
        AND NOT EXISTS (
            SELECT FROM schedule_groups
            WHERE schedule_groups.account = schedules.account
                AND schedule_groups.name = schedules.group_name AND is_deleting
        )
    ORDER BY wake_at
    LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE schedules SET
    holder = $2,
    held_until = coalesce($1, now()) + make_interval(secs => $4)
FROM waiting
WHERE schedules.id = waiting.id
