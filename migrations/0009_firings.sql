-- What a firing needs to be made as it was meant, however often it is tried and whatever is changed
-- meanwhile; and groups of schedules that go little by little.

-- When the pause began that lasts, or that ended last. What came due before it did not come due
-- during a pause. NULL: there was none.
ALTER TABLE schedules ADD COLUMN paused_at timestamptz;
UPDATE schedules SET paused_at = CASE
    WHEN state = 'paused' THEN state_since
    WHEN state_since > decided_until THEN decided_until
END;

-- The input as the first attempt had it, placeholders and all, while it is not decided; NULL before,
-- or for a notification.
ALTER TABLE schedule_firings ADD COLUMN input text;
UPDATE schedule_firings SET input = schedules.input FROM schedules
WHERE schedules.id = schedule_id AND schedule_firings.target_arn IS NOT NULL AND decided_at IS NULL;

-- How many times the engine refused it because it had too much to do. An attempt that got no answer
-- is no refusal.
ALTER TABLE schedule_firings ADD COLUMN refusals integer NOT NULL DEFAULT 0;

-- When it was tried first; how long it may be retried counts from then. NULL before.
ALTER TABLE schedule_firings ADD COLUMN first_tried_at timestamptz;

-- Serves the question whether an earlier execution still runs, oldest first.
DROP INDEX schedule_firings_running;
CREATE INDEX schedule_firings_running ON schedule_firings (schedule_id, due_at, request)
    WHERE state = 'started' AND NOT is_over;

-- Whether it goes, as soon as its schedules are gone.
ALTER TABLE schedule_groups ADD COLUMN is_deleting boolean NOT NULL DEFAULT false;

-- Serves the nodes' look for groups that go.
CREATE INDEX schedule_groups_deleting ON schedule_groups (account, name) WHERE is_deleting;

-- A backfill is named by who asks for it, for the schedule alone: others may choose the same name.
ALTER TABLE schedule_backfills DROP CONSTRAINT schedule_backfills_pkey;
ALTER TABLE schedule_backfills ADD PRIMARY KEY (schedule_id, id);
