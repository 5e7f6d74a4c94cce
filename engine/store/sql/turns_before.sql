-- Turns that begin before event $3, the last first. Served by the key of turns, read backwards.
SELECT first_event, event_count, body
FROM turns
WHERE shard = $1 AND execution_id = $2 AND first_event < $3
ORDER BY first_event DESC
LIMIT $4
