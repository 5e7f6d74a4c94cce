-- Snapshots ($4) of executions ($1, $2) up to some event of each ($3), by a release ($5); in place of older ones.
INSERT INTO snapshots (shard, execution_id, next_event, body, release)
SELECT shard, execution_id, next_event, body, $5
FROM UNNEST($1::smallint[], $2::uuid[], $3::bigint[], $4::bytea[])
    AS these (shard, execution_id, next_event, body)
ON CONFLICT (shard, execution_id) DO UPDATE
SET next_event = EXCLUDED.next_event, body = EXCLUDED.body, release = EXCLUDED.release
