-- Executions started by one alias: the newest of each status, merged.
-- Each arm reads one run of executions_listed_by_alias.
SELECT newest.*
FROM UNNEST($3::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT
        id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
        ended_at, wake_at, trace_header
    FROM executions
    WHERE account = $1 AND state_machine = $2 AND alias = $7 AND status = wanted.status
        AND (
            $4::timestamptz IS NULL
            OR (coalesce(ended_at, started_at), id) < ($4::timestamptz, $5::uuid)
        )
    ORDER BY coalesce(ended_at, started_at) DESC, id DESC
    LIMIT $6
) AS newest
ORDER BY coalesce(ended_at, started_at) DESC, id DESC
LIMIT $6
