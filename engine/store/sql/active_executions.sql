-- A page of those that must be in their owner's memory. Served by executions_active.
WHERE shard = ANY($2) AND status = 'RUNNING' AND wake_at IS NULL
    AND (shard, id) > ($3, $4)
ORDER BY shard, id
LIMIT $5
