-- Removes some schedules of groups that go, with their logs.
WITH going AS (
    SELECT schedules.id FROM schedule_groups
    JOIN schedules
        ON schedules.account = schedule_groups.account
        AND schedules.group_name = schedule_groups.name
    WHERE schedule_groups.is_deleting
    LIMIT $1
    FOR UPDATE OF schedules SKIP LOCKED
),
removed AS (
    DELETE FROM schedules USING going WHERE schedules.id = going.id
    RETURNING 1
)
SELECT count(*) FROM removed
