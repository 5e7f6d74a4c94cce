-- Takes the tasks that have waited longest, for each activity as many as are wanted, for so many
-- seconds, and in all no more than the limits say: activities that are named first come first. The
-- last one may bring the bytes of their inputs above the limit. Tasks of the shards that are left out
-- stay where they are. Rows that another node is claiming are passed over, so that nobody waits for a
-- lock. A claim that is lost in a crash of the database was not needed: it need not reach the disk.
-- Served by activity_tasks_waiting.
WITH lightly AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
),
picked AS MATERIALIZED (
    SELECT waiting.shard, waiting.execution_id, waiting.task, waiting.size
    FROM lightly
    CROSS JOIN UNNEST($1::text[], $2::text[], $3::bigint[]) AS wanted (account, activity, places)
    CROSS JOIN LATERAL (
        SELECT tasks.shard, tasks.execution_id, tasks.task,
            octet_length(tasks.input) AS size
        FROM activity_tasks AS tasks
        WHERE tasks.account = wanted.account AND tasks.activity = wanted.activity
            AND (tasks.claimed_until IS NULL OR tasks.claimed_until <= coalesce($5, now()))
            AND tasks.shard <> ALL ($8::smallint[])
        ORDER BY tasks.scheduled_at, tasks.execution_id, tasks.task
        LIMIT wanted.places
        FOR UPDATE SKIP LOCKED
    ) AS waiting
    LIMIT $6
),
fitting AS (
    SELECT shard, execution_id, task,
        sum(size) OVER (ROWS UNBOUNDED PRECEDING) - size AS bytes_before
    FROM picked
),
claimed AS (
    UPDATE activity_tasks AS tasks
    SET claimed_until = coalesce($5, now()) + make_interval(secs => $4)
    FROM fitting
    WHERE tasks.shard = fitting.shard AND tasks.execution_id = fitting.execution_id
        AND tasks.task = fitting.task AND fitting.bytes_before < $7
    RETURNING tasks.shard, tasks.execution_id, tasks.task, tasks.account, tasks.activity,
        tasks.input, tasks.scheduled_at
)
SELECT shard, execution_id, task, account, activity, input
FROM claimed
ORDER BY scheduled_at, execution_id, task
