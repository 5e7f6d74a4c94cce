-- A state machine that is created under a name that another one had has a life of its own: none of
-- that one's executions are its, and their names are free. Statements of earlier releases stay valid:
-- what they write belongs to the first life of a name, as everything from before does.

-- Which life of its name this is; another for each creation.
ALTER TABLE state_machines ADD COLUMN life uuid NOT NULL
    DEFAULT '00000000-0000-0000-0000-000000000000';

-- The life of the state machine it is an execution of.
ALTER TABLE executions ADD COLUMN life uuid NOT NULL
    DEFAULT '00000000-0000-0000-0000-000000000000';

-- Lives that are over. A start that was under way may still come: it is ended as those were that ran
-- when the state machine was deleted.
CREATE TABLE ended_lives (
    -- The life of the state machine that is gone.
    life uuid NOT NULL,
    -- The account it belonged to.
    account text NOT NULL,
    -- Its name.
    state_machine text NOT NULL,
    -- When it went.
    ended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, state_machine, life)
);
