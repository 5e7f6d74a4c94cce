-- The common batch: turns of executions that neither start, end nor wake.
INSERT INTO turns (shard, execution_id, first_event, event_count, epoch, writer, body)
SELECT shard, execution_id, first_event, event_count, epoch, $1, body
FROM UNNEST($2::smallint[], $3::uuid[], $4::bigint[], $5::integer[], $6::bigint[], $7::bytea[])
    AS batch (shard, execution_id, first_event, event_count, epoch, body)
