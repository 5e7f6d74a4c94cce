-- Takes an access key back, and tells the nodes in the same commit; no row if there is none.
WITH revoked AS (
    UPDATE access_keys SET revoked_at = coalesce(revoked_at, $2, now()) WHERE id = $1
    RETURNING id
)
SELECT id, pg_notify($3, $4) FROM revoked
