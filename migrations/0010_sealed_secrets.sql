-- Secrets are kept sealed, with keys that are not in the database. What an earlier release stored
-- plain is sealed by the program right after these statements; its columns are renamed, so that a
-- node of that release, which knows nothing of this, neither reads half a secret nor writes a plain one.

CREATE TABLE sealing_keys (
    -- What the key is called: sixteen hexadecimal digits of a hash of it.
    id text PRIMARY KEY,
    -- A known text, sealed with the key: who can open it has the key.
    proof bytea NOT NULL,
    -- When a node first sealed with it.
    created_at timestamptz NOT NULL DEFAULT now()
);

-- URL and headers as a JSON object, sealed: both may hold secrets. NULL: not yet.
ALTER TABLE functions ADD COLUMN sealed bytea;
-- The key it is sealed with, which is in use as long as anything names it.
ALTER TABLE functions ADD COLUMN sealed_by text REFERENCES sealing_keys (id);
-- Headers of an earlier release, until they are sealed; NULL afterwards, when `url`, too, holds no
-- more than may be shown.
ALTER TABLE functions RENAME COLUMN headers TO plain_headers;
ALTER TABLE functions ALTER COLUMN plain_headers DROP NOT NULL;
ALTER TABLE functions ALTER COLUMN plain_headers DROP DEFAULT;
ALTER TABLE functions ADD CONSTRAINT sealed_or_plain CHECK (
    (sealed IS NULL) = (sealed_by IS NULL) AND (sealed IS NULL) <> (plain_headers IS NULL)
);

-- Serves the change of a key.
CREATE INDEX functions_sealed_by ON functions (sealed_by);

-- Serves the sealing of what is plain.
CREATE INDEX functions_plain ON functions (account, name) WHERE sealed IS NULL;

-- The secret's bytes, sealed. NULL: not yet.
ALTER TABLE secrets ADD COLUMN sealed bytea;
-- The key it is sealed with.
ALTER TABLE secrets ADD COLUMN sealed_by text REFERENCES sealing_keys (id);
-- Bytes of an earlier release, until they are sealed; NULL afterwards.
ALTER TABLE secrets RENAME COLUMN value TO plain_value;
ALTER TABLE secrets ALTER COLUMN plain_value DROP NOT NULL;
ALTER TABLE secrets ADD CONSTRAINT sealed_or_plain CHECK (
    (sealed IS NULL) = (sealed_by IS NULL) AND (sealed IS NULL) <> (plain_value IS NULL)
);
