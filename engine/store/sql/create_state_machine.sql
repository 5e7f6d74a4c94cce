-- A state machine, unless one of its name is there; its life. The first of a name is all zeros, as an
-- earlier release has it: what that starts beside this one belongs to it. Served by executions_listed.
INSERT INTO state_machines (account, name, type, revision_id, created_at, updated_at, life)
SELECT $1, $2, $3, $4, $5, $5, CASE
    WHEN EXISTS (SELECT FROM ended_lives WHERE account = $1 AND state_machine = $2)
        OR EXISTS (SELECT FROM executions WHERE account = $1 AND state_machine = $2)
    THEN $6 ELSE '00000000-0000-0000-0000-000000000000'::uuid
END
ON CONFLICT (account, name) DO NOTHING
RETURNING life
