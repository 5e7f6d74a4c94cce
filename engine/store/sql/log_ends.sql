-- The number after the last event of the logs of the executions ($1 shards, $2 ids, side by side).
-- Served by the key of turns, read backwards: one entry for each.
SELECT followed.id, latest.first_event + latest.event_count AS log_end
FROM unnest($1::smallint[], $2::uuid[]) AS followed (shard, id)
CROSS JOIN LATERAL (
    SELECT turns.first_event, turns.event_count
    FROM turns
    WHERE turns.shard = followed.shard AND turns.execution_id = followed.id
    ORDER BY turns.first_event DESC
    LIMIT 1
) AS latest
