-- Turns from the one that holds event $3 on. Served by the key of turns, also for the search of
-- the turn that holds it.
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
