-- Sets aside what three nodes have died over. Gives the names of those that are so now.
UPDATE suspects SET set_aside_at = coalesce($1, now())
FROM executions
WHERE suspects.shard = ANY($2) AND suspects.deaths >= 3 AND suspects.set_aside_at IS NULL
    AND executions.shard = suspects.shard AND executions.id = suspects.execution_id
RETURNING account, state_machine, name
