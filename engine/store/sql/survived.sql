-- A node ($3) has lived through what it was about to do with these executions ($1, $2): its notes are taken
-- back. So are those of nodes that died over the same, if the logs could be read ($4), and all once they have
-- gone on ($5).
WITH these AS (
    SELECT * FROM unnest($1::smallint[], $2::uuid[]) AS these (shard, execution_id)
),
free AS (
    DELETE FROM set_aside USING these
    WHERE set_aside.shard = these.shard AND set_aside.execution_id = these.execution_id AND $5
)
DELETE FROM trials USING these
WHERE trials.shard = these.shard AND trials.execution_id = these.execution_id
    AND (node = $3 OR (is_load AND $4) OR $5)
