-- Which of these turns are in the log exactly as given and by this writer. Served by the key.
SELECT execution_id, first_event
FROM UNNEST($2::smallint[], $3::uuid[], $4::bigint[], $5::integer[], $6::bigint[], $7::bytea[])
    AS batch (shard, execution_id, first_event, event_count, epoch, body)
JOIN turns USING (shard, execution_id, first_event, event_count, epoch, body)
WHERE turns.writer = $1
