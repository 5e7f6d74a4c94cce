-- The turns of a page of executions, in order, that begin at some event ($3) or later. Served by the key of turns.
SELECT turns.execution_id, turns.body
FROM UNNEST($1::smallint[], $2::uuid[]) AS page (shard, execution_id)
JOIN turns USING (shard, execution_id)
WHERE turns.first_event >= $3
ORDER BY turns.shard, turns.execution_id, turns.first_event
