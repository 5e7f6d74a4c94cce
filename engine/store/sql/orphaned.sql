-- The owner of this shard, if there is one, and whether nobody is there to answer for it: its lease is
-- over, its owner off the list, or no process holds the owner's name.
SELECT owner, NOT EXISTS (
    SELECT FROM nodes
    WHERE nodes.id = shards.owner AND shards.expires_at > coalesce($1, now())
        AND (nodes.name = '' OR EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND objsubid = 1
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND ((classid::bigint << 32) | objid::bigint)
                    = hashtextextended('statewright node ' || nodes.name, 0)
        ))
) AS is_orphaned
FROM shards
WHERE shard = $2
