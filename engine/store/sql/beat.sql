-- A node says that it lives; counts those that do, and forgets those that long do not.
WITH forgotten AS (
    DELETE FROM nodes
    WHERE expires_at < coalesce($1, now()) - interval '1 hour' AND id <> $2
),
beaten AS (
    INSERT INTO nodes (id, address, expires_at)
    VALUES ($2, $3, coalesce($1, now()) + make_interval(secs => $4))
    ON CONFLICT (id) DO UPDATE SET address = EXCLUDED.address, expires_at = EXCLUDED.expires_at
)
SELECT 1 + count(*) AS live_nodes
FROM nodes
WHERE expires_at > coalesce($1, now()) AND id <> $2
