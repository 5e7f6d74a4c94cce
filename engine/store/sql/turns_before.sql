-- Turns that begin before event $3, the last first, and no more than begin within $5 bytes.
-- Served by the key of turns, read backwards.
SELECT first_event, event_count, body
FROM (
    SELECT
        first_event, event_count, body,
        sum(length(body)) OVER (ORDER BY first_event DESC) - length(body) AS bytes_before
    FROM (
        SELECT first_event, event_count, body
        FROM turns
        WHERE shard = $1 AND execution_id = $2 AND first_event < $3
        ORDER BY first_event DESC
        LIMIT $4
    ) AS page
) AS weighed
WHERE bytes_before < $5
ORDER BY first_event DESC
