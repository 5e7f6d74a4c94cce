-- Makes an access key, and tells the nodes in the same commit.
WITH known AS (
    INSERT INTO sealing_keys (id, proof) VALUES ($5, $6) ON CONFLICT DO NOTHING
), made AS (
    INSERT INTO access_keys (
        id, account, scope, sealed, sealed_by, note, created_at, expires_at
    )
    VALUES ($1, $2, $3, $4, $5, $7, $8, $9)
    RETURNING id
)
SELECT pg_notify($10, $11) FROM made
