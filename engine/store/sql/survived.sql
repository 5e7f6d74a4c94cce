-- A node ($3) has lived through what it was about to do with an execution ($1, $2): its note is taken back. So
-- are those of nodes that died over the same, if the log could be read ($4), and all once it has gone on ($5).
WITH free AS (DELETE FROM set_aside WHERE shard = $1 AND execution_id = $2 AND $5)
DELETE FROM trials
WHERE shard = $1 AND execution_id = $2 AND (node = $3 OR (is_load AND $4) OR $5)
