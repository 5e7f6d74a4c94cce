-- Forgets suspects in these shards that have ended, and those not set aside where nothing is watched.
DELETE FROM suspects USING shards
WHERE suspects.shard = ANY($2) AND shards.shard = suspects.shard
    AND (
        NOT EXISTS (
            SELECT FROM executions
            WHERE executions.shard = suspects.shard AND executions.id = suspects.execution_id
                AND status = 'RUNNING'
        )
        OR (set_aside_at IS NULL AND NOT coalesce(
            shards.deaths >= 2 AND shards.died_at > coalesce($1, now()) - interval '1 hour', false
        ))
    )
