-- A page of an account's state machines, by name. Served by the primary key.
SELECT
    machines.account, machines.name, machines.type, machines.status, machines.created_at,
    machines.updated_at, machines.life, machines.revision_id, revisions.definition, revisions.role_arn,
    revisions.logging, revisions.tracing, revisions.encryption, revisions.initial,
    revisions.created_at AS revised_at
FROM state_machines AS machines
JOIN revisions ON revisions.id = machines.revision_id
WHERE machines.account = $1 AND machines.name > $2 AND machines.status = 'ACTIVE'
ORDER BY machines.name
LIMIT $3
