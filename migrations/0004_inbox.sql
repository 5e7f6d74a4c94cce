-- Stimuli for executions that another node owns, and what their owner answered.

CREATE TABLE inbox (
    -- The shard of the execution.
    shard smallint NOT NULL,
    -- Names the message; the poster makes it, and posting it twice changes nothing.
    id uuid NOT NULL,
    -- The execution it is for.
    execution_id uuid NOT NULL,
    -- The stimulus, as the runtime encodes it.
    stimulus bytea NOT NULL,
    -- The owner's answer, written in the commit that applies the stimulus; NULL until then.
    answer bytea,
    -- When it was posted.
    posted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, id)
);

-- Serves the owner's reading, oldest first.
CREATE INDEX inbox_open ON inbox (shard, posted_at, id) WHERE answer IS NULL;

-- Serves the poster, who knows the message by its name alone.
CREATE UNIQUE INDEX inbox_id ON inbox (id);

-- Serves the sweep of answers that nobody fetched.
CREATE INDEX inbox_answered ON inbox (posted_at) WHERE answer IS NOT NULL;
