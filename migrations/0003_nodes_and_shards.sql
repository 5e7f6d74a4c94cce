-- Who works on what. Leases only say who should: what makes a second writer harmless is the
-- key of `turns`.

CREATE TABLE nodes (
    -- One running process; a new one after every start.
    id uuid PRIMARY KEY,
    -- Where it serves, for people who look.
    address text NOT NULL,
    -- Until when it counts as alive; moved on by every beat.
    expires_at timestamptz NOT NULL
);

CREATE TABLE shards (
    -- 0 to 255.
    shard smallint PRIMARY KEY,
    -- The node that owns it; NULL while nobody does.
    owner uuid,
    -- Rises with every new owner, never falls.
    epoch bigint NOT NULL DEFAULT 0,
    -- Until when it is the owner's; afterwards anyone may claim it. NULL while nobody owns it.
    expires_at timestamptz,
    CONSTRAINT shard_in_range CHECK (shard BETWEEN 0 AND 255),
    CONSTRAINT owned_until CHECK ((owner IS NULL) = (expires_at IS NULL))
);

INSERT INTO shards (shard) SELECT generate_series(0, 255);
