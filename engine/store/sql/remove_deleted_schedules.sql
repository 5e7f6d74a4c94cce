-- Removes some schedules of groups that go, with their logs. Waits for one that a node is at work on:
-- who deletes a group is to find it gone. In their order, so that of two who do this one waits.
WITH going AS (
    SELECT schedules.id FROM schedule_groups
    JOIN schedules
        ON schedules.account = schedule_groups.account
        AND schedules.group_name = schedule_groups.name
    WHERE schedule_groups.is_deleting
    ORDER BY schedules.id
    LIMIT $1
    FOR UPDATE OF schedules
),
removed AS (
    DELETE FROM schedules USING going WHERE schedules.id = going.id
    RETURNING 1
)
SELECT count(*) FROM removed
