-- What the nodes of this database share and nobody else may know.

CREATE TABLE secrets (
    -- What it is for.
    name text PRIMARY KEY,
    -- Random bytes, made by the first node that needed them.
    value bytea NOT NULL,
    -- When it was made.
    created_at timestamptz NOT NULL DEFAULT now()
);
