-- A node's own leases, moved on. One that ran out is still its own while nobody has claimed it.
UPDATE shards
SET expires_at = coalesce($1, now()) + make_interval(secs => $3)
WHERE owner = $2
RETURNING shard, epoch
