-- Who may come in, and as whom.

CREATE TABLE access_keys (
    -- What a caller names it by: `SWK` and seventeen letters and digits.
    id text PRIMARY KEY,
    -- The account it belongs to: whoever holds the key acts for this one.
    account text NOT NULL,
    -- What it allows; each scope includes those before it.
    scope text NOT NULL,
    -- The secret, sealed: verifying a signature needs the secret itself.
    sealed bytea NOT NULL,
    -- The key it is sealed with.
    sealed_by text NOT NULL REFERENCES sealing_keys (id),
    -- What its maker wants to remember it by.
    note text NOT NULL,
    -- When it was made.
    created_at timestamptz NOT NULL,
    -- From when on it is good no more; NULL: it does not end by itself.
    expires_at timestamptz,
    -- When it was taken back; NULL: it was not.
    revoked_at timestamptz,
    CONSTRAINT known_scope CHECK (scope IN ('read', 'run', 'admin'))
);

-- Serves an account's list.
CREATE INDEX access_keys_by_account ON access_keys (account, id);

-- Serves the change of a key.
CREATE INDEX access_keys_sealed_by ON access_keys (sealed_by);
