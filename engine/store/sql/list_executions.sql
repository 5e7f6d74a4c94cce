-- Executions of a state machine: the newest of each status, merged.
-- Each arm reads one run of executions_listed.
SELECT newest.*
FROM UNNEST($3::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT
        id, shard, account, state_machine, name, revision_id, version, alias, status, started_at,
        ended_at, wake_at, trace_header, life
    FROM executions
    WHERE account = $1 AND state_machine = $2 AND status = wanted.status
        AND life = $7 AND coalesce(ended_at, started_at) >= $8
        AND (coalesce(ended_at, started_at), id) < (
            coalesce($4, 'infinity'::timestamptz),
            coalesce($5, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        )
    ORDER BY coalesce(ended_at, started_at) DESC, id DESC
    LIMIT $6
) AS newest
ORDER BY coalesce(ended_at, started_at) DESC, id DESC
LIMIT $6
