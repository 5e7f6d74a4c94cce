-- Registers a function or replaces it; says which.
INSERT INTO functions (
    account, name, url, protocol, timeout_seconds, headers, max_concurrency, delivery, created_at,
    updated_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (account, name) DO UPDATE SET
    url = EXCLUDED.url, protocol = EXCLUDED.protocol, timeout_seconds = EXCLUDED.timeout_seconds,
    headers = EXCLUDED.headers, max_concurrency = EXCLUDED.max_concurrency,
    delivery = EXCLUDED.delivery, updated_at = EXCLUDED.updated_at
RETURNING (xmax = 0) AS is_new
