-- What starts by itself: schedules in groups, each time one of them came due, and backfills.
--
-- A schedule's expression is kept as text; only the engine reads it. `decided_until` is what
-- makes a firing happen once: what is due up to there has been decided, and it never moves back.

CREATE TABLE schedule_groups (
    -- The account it belongs to.
    account text NOT NULL,
    -- Its name, unique in the account. The group `default` is made when it is first needed.
    name text NOT NULL,
    -- What its creator passed so that a repeated creation is known as such.
    client_token text,
    -- When it was created.
    created_at timestamptz NOT NULL,
    -- When it was changed last.
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE schedules (
    -- Names the schedule inside the engine; a new one for one that is deleted and created again.
    id uuid PRIMARY KEY,
    -- The account it belongs to.
    account text NOT NULL,
    -- The group it is in.
    group_name text NOT NULL,
    -- Its name, unique in the group.
    name text NOT NULL,
    -- What the user says about it.
    description text,
    -- `cron(…)`, `rate(…)` or `at(…)`.
    expression text NOT NULL,
    -- The IANA time zone whose clocks the expression is about.
    timezone text NOT NULL,
    -- Nothing is due before; NULL for no such bound.
    starts_at timestamptz,
    -- Nothing is due after; NULL for no such bound.
    ends_at timestamptz,
    -- `enabled` or `paused`.
    state text NOT NULL,
    -- Why it is paused, if its user said so.
    paused_reason text,
    -- Since when it is enabled or paused. What came due before it was enabled again came due
    -- while it was paused.
    state_since timestamptz NOT NULL,
    -- What is started: the ARN of a state machine, of a version or of an alias.
    target_arn text NOT NULL,
    -- The role the user named; kept and echoed.
    role_arn text NOT NULL,
    -- The input as the user wrote it, placeholders and all; NULL for a notification.
    input text,
    -- Each firing is delayed by a part of this window; NULL for none.
    window_minutes integer,
    -- What becomes of a firing while an execution of an earlier one runs.
    overlap text NOT NULL,
    -- What becomes of firings that were missed because nothing ran.
    catch_up text NOT NULL,
    -- How far back missed firings are made up for.
    catch_up_seconds integer NOT NULL,
    -- How long a firing may be retried.
    max_event_age_seconds integer NOT NULL,
    -- How often a firing may be retried.
    max_retries integer NOT NULL,
    -- Kept and echoed.
    dead_letter_arn text,
    -- Kept and echoed.
    kms_key_arn text,
    -- Whether it goes when it has fired for the last time.
    delete_after_completion boolean NOT NULL,
    -- What its creator passed so that a repeated creation is known as such.
    client_token text,
    -- When it was created.
    created_at timestamptz NOT NULL,
    -- When it was changed last.
    modified_at timestamptz NOT NULL,
    -- Where a rate counts from.
    anchor timestamptz NOT NULL,
    -- Whatever is due up to here has been decided. Never moves back.
    decided_until timestamptz NOT NULL,
    -- The next time it is due, without jitter, as the engine last saw it; NULL for none.
    next_due_at timestamptz,
    -- When a node has to look at it: a firing is due, or waits to be tried; NULL for never.
    wake_at timestamptz,
    -- Rises with every change by a user, so that a node notices one under its hands.
    changes bigint NOT NULL DEFAULT 0,
    -- Who looks at it; a new one for every look.
    holder uuid,
    -- Until when nobody else may.
    held_until timestamptz,
    UNIQUE (account, group_name, name),
    FOREIGN KEY (account, group_name) REFERENCES schedule_groups (account, name) ON DELETE CASCADE,
    CONSTRAINT known_state CHECK (state IN ('enabled', 'paused')),
    CONSTRAINT known_overlap CHECK (overlap IN ('allow', 'skip', 'queue_one', 'cancel_previous')),
    CONSTRAINT known_catch_up CHECK (catch_up IN ('skip', 'one', 'all')),
    CONSTRAINT some_window CHECK (window_minutes > 0),
    CONSTRAINT no_negative_limits CHECK (
        catch_up_seconds >= 0 AND max_event_age_seconds >= 0 AND max_retries >= 0
    ),
    CONSTRAINT held_by_somebody CHECK ((holder IS NULL) = (held_until IS NULL))
);

-- Serves the nodes' look for what is to be done.
CREATE INDEX schedules_wake ON schedules (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE schedule_firings (
    -- The schedule.
    schedule_id uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- When it was due, without jitter.
    due_at timestamptz NOT NULL,
    -- Who asked for it: all zeros for the expression, else the user's request, so that the same
    -- time can be run again at a user's wish, but not twice by itself.
    request uuid NOT NULL,
    -- What brought it about: `scheduled`, `catch_up`, `run_now` or `backfill`.
    kind text NOT NULL,
    -- `pending`: will be tried; `queued`: waits for an earlier execution to end; else decided.
    state text NOT NULL,
    -- When it may start: when it was due, and jitter.
    fire_at timestamptz NOT NULL,
    -- When it is tried next; NULL once it is decided.
    next_try_at timestamptz,
    -- How many times it has been tried.
    attempts integer NOT NULL DEFAULT 0,
    -- What its execution is of, as the first attempt had it: a change of the schedule between two
    -- attempts cannot start a second execution. NULL before.
    target_arn text,
    -- When it was decided; NULL before.
    decided_at timestamptz,
    -- Why it did or did not run, for people.
    reason text,
    -- The first due time of those that this row stands for; NULL where it stands for one.
    since timestamptz,
    -- For how many due times this row stands.
    due_count bigint NOT NULL DEFAULT 1,
    -- The state machine whose execution was started.
    state_machine text,
    -- The name of that execution.
    execution text,
    -- The shard of that execution.
    shard smallint,
    -- Whether that execution is known to have ended.
    is_over boolean NOT NULL DEFAULT false,
    PRIMARY KEY (schedule_id, due_at, request),
    CONSTRAINT known_kind CHECK (kind IN ('scheduled', 'catch_up', 'run_now', 'backfill')),
    CONSTRAINT known_state CHECK (state IN ('pending', 'queued', 'started', 'skipped', 'failed')),
    CONSTRAINT decided_when_final CHECK (
        (state IN ('pending', 'queued')) = (decided_at IS NULL)
        AND (decided_at IS NULL) = (next_try_at IS NOT NULL)
    ),
    CONSTRAINT started_means_execution CHECK ((state = 'started') = (execution IS NOT NULL)),
    CONSTRAINT stands_for_some CHECK (due_count > 0)
);

-- Serves the search for firings to be tried.
CREATE INDEX schedule_firings_open ON schedule_firings (schedule_id, next_try_at)
    WHERE decided_at IS NULL;

-- Refuses a second firing for a user's wish that is repeated.
CREATE UNIQUE INDEX schedule_firings_run_now ON schedule_firings (schedule_id, request)
    WHERE kind = 'run_now';

-- Serves the question whether an earlier execution still runs.
CREATE INDEX schedule_firings_running ON schedule_firings (schedule_id)
    WHERE state = 'started' AND NOT is_over;

CREATE TABLE schedule_backfills (
    -- Names it; made by who asked for it, and asking twice changes nothing.
    id uuid PRIMARY KEY,
    -- The schedule.
    schedule_id uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- The first instant of the range.
    from_at timestamptz NOT NULL,
    -- The first instant after the range.
    until_at timestamptz NOT NULL,
    -- Most firings in a minute.
    per_minute integer NOT NULL,
    -- `running`, `done` or `cancelled`.
    state text NOT NULL DEFAULT 'running',
    -- What is due up to here has become a firing.
    decided_until timestamptz NOT NULL,
    -- When the next firing may be made; NULL once it is over.
    next_at timestamptz,
    -- How many firings it has made.
    firings bigint NOT NULL DEFAULT 0,
    -- When it was asked for.
    created_at timestamptz NOT NULL,
    -- When its last firing was made, or it was cancelled.
    ended_at timestamptz,
    CONSTRAINT known_state CHECK (state IN ('running', 'done', 'cancelled')),
    CONSTRAINT ended_when_over CHECK (
        (state = 'running') = (ended_at IS NULL) AND (state = 'running') = (next_at IS NOT NULL)
    ),
    CONSTRAINT some_range CHECK (from_at < until_at),
    CONSTRAINT some_rate CHECK (per_minute > 0)
);

-- Serves the backfills of a schedule, newest first.
CREATE INDEX schedule_backfills_listed ON schedule_backfills (schedule_id, created_at, id);
