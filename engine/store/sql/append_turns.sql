-- The common batch: turns of executions that neither start, end nor wake. All of it, unless a shard
-- is no longer in the writer's epoch: then nothing, and such shards are returned.
WITH owned AS (
    -- The row locks make a new owner wait until the turns are there, or us see its epoch: what it
    -- reads is final.
    SELECT shard, epoch FROM shards
    WHERE (shard, epoch) IN (SELECT * FROM UNNEST($8::smallint[], $9::bigint[]))
    ORDER BY shard
    FOR SHARE
),
lost AS (
    SELECT shard FROM UNNEST($8::smallint[], $9::bigint[]) AS written (shard, epoch)
    WHERE NOT EXISTS (SELECT FROM owned WHERE (owned.shard, owned.epoch) = (written.shard, written.epoch))
),
appended AS (
    INSERT INTO turns (shard, execution_id, first_event, event_count, epoch, writer, body)
    SELECT shard, execution_id, first_event, event_count, epoch, $1, body
    FROM UNNEST($2::smallint[], $3::uuid[], $4::bigint[], $5::integer[], $6::bigint[], $7::bytea[])
        AS batch (shard, execution_id, first_event, event_count, epoch, body)
    WHERE NOT EXISTS (SELECT FROM lost)
)
SELECT shard FROM lost
