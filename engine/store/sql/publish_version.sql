-- The version of a revision: the newest there is, else the next number. The caller holds the
-- state machine's row lock, so that nobody else counts at the same time.
WITH existing AS (
    SELECT number, revision_id, description, created_at FROM versions
    WHERE account = $1 AND state_machine = $2 AND revision_id = $3
    ORDER BY number DESC
    LIMIT 1
),
counted AS (
    UPDATE state_machines SET last_version = last_version + 1
    WHERE account = $1 AND name = $2 AND NOT EXISTS (SELECT 1 FROM existing)
    RETURNING last_version
),
published AS (
    INSERT INTO versions (account, state_machine, number, revision_id, description, created_at)
    SELECT $1, $2, last_version, $3, $4, $5 FROM counted
    RETURNING number, revision_id, description, created_at
)
SELECT number, revision_id, description, created_at FROM existing
UNION ALL
SELECT number, revision_id, description, created_at FROM published
