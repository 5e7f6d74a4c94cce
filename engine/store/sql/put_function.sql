-- Registers a function or replaces it; says which.
WITH known AS (
    INSERT INTO sealing_keys (id, proof) VALUES ($7, $8) ON CONFLICT DO NOTHING
)
INSERT INTO functions (
    account, name, url, protocol, timeout_seconds, sealed, sealed_by, max_concurrency, delivery,
    created_at, updated_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $9, $10, $11, $12)
ON CONFLICT (account, name) DO UPDATE SET
    url = EXCLUDED.url, protocol = EXCLUDED.protocol, timeout_seconds = EXCLUDED.timeout_seconds,
    sealed = EXCLUDED.sealed, sealed_by = EXCLUDED.sealed_by, plain_headers = NULL,
    max_concurrency = EXCLUDED.max_concurrency, delivery = EXCLUDED.delivery,
    updated_at = EXCLUDED.updated_at
RETURNING (xmax = 0) AS is_new
