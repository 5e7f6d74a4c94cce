-- Turns from the one that holds event $3 on, and no more than begin within $5 bytes. Served by
-- the key of turns, also for the search of the turn that holds it.
SELECT first_event, event_count, body
FROM (
    SELECT
        first_event, event_count, body,
        sum(length(body)) OVER (ORDER BY first_event) - length(body) AS bytes_before
    FROM (
        SELECT first_event, event_count, body
        FROM turns
        WHERE shard = $1 AND execution_id = $2
            AND first_event >= coalesce(
                (
                    SELECT first_event FROM turns
                    WHERE shard = $1 AND execution_id = $2 AND first_event <= $3
                    ORDER BY first_event DESC
                    LIMIT 1
                ),
                $3
            )
        ORDER BY first_event
        LIMIT $4
    ) AS page
) AS weighed
WHERE bytes_before < $5
ORDER BY first_event
