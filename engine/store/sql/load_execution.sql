-- One of them. Served by the primary key.
WHERE shard = $2 AND id = $3
