-- Nodes that live and go on, how many shards each owns, and whether a process holds its name, if it
-- has one. Locked (shared) until the shards are theirs: who leaves waits for that, and gives them on.
SELECT id,
    (SELECT count(*) FROM shards WHERE owner = nodes.id) AS owned,
    nodes.name = '' OR EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((classid::bigint << 32) | objid::bigint)
                = hashtextextended('statewright node ' || nodes.name, 0)
    ) AS is_there
FROM nodes
WHERE id <> $2 AND NOT draining AND expires_at > coalesce($1, now())
ORDER BY id
FOR SHARE OF nodes
