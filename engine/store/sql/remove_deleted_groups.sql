-- Removes some groups that go and have no schedule any more.
DELETE FROM schedule_groups AS groups
WHERE is_deleting AND NOT EXISTS (
    SELECT 1 FROM schedules
    WHERE schedules.account = groups.account AND schedules.group_name = groups.name
)
RETURNING account, name
