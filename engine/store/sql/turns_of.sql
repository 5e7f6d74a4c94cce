-- The turns of a page of executions, in order. Served by the key of turns.
SELECT turns.execution_id, turns.body
FROM UNNEST($1::smallint[], $2::uuid[]) AS page (shard, execution_id)
JOIN turns USING (shard, execution_id)
ORDER BY turns.shard, turns.execution_id, turns.first_event
