-- The tasks of activities that a batch offers to workers, and those that it withdraws.
WITH withdrawn AS (
    DELETE FROM activity_tasks
    USING UNNEST($8::smallint[], $9::uuid[], $10::bigint[]) AS gone (shard, execution_id, task)
    WHERE activity_tasks.shard = gone.shard AND activity_tasks.execution_id = gone.execution_id
        AND activity_tasks.task = gone.task
)
INSERT INTO activity_tasks (shard, execution_id, task, account, activity, input, scheduled_at)
SELECT shard, execution_id, task, account, activity, input, scheduled_at
FROM UNNEST(
    $1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bytea[],
    $7::timestamptz[]
) AS offered (shard, execution_id, task, account, activity, input, scheduled_at)
