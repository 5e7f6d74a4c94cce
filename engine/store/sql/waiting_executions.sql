-- A page of those that sleep until there is a place for their calls. Served by executions_waiting.
WHERE shard = ANY($2) AND status = 'RUNNING' AND waits_for_place AND wake_at IS NOT NULL
    AND (shard, id) > ($3, $4)
ORDER BY shard, id
LIMIT $5
