-- Removes groups that go and have no schedule any more, in their order, so that of two who do this
-- one waits.
WITH empty AS (
    SELECT account, name FROM schedule_groups AS groups
    WHERE is_deleting AND NOT EXISTS (
        SELECT 1 FROM schedules
        WHERE schedules.account = groups.account AND schedules.group_name = groups.name
    )
    ORDER BY account, name
    FOR UPDATE
)
DELETE FROM schedule_groups AS groups USING empty
WHERE groups.account = empty.account AND groups.name = empty.name
RETURNING groups.account, groups.name
