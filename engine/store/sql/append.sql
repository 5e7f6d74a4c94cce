-- One batch: starts, turns, ends, wakes and answers in one commit. Returns the executions that
-- were started; the starts whose name is taken, or whose shard is another's, leave nothing, and no
-- message of a shard that is another's is answered. If the shard of any other turn is no longer in the
-- writer's epoch, nothing is written, and such shards are returned.
WITH owned AS (
    -- The row locks make a new owner wait until the turns are there, or us see its epoch: what it
    -- reads is final.
    SELECT shard, epoch FROM shards
    WHERE (shard, epoch) IN (
        SELECT * FROM UNNEST($9::smallint[], $38::bigint[])
        UNION
        SELECT * FROM UNNEST($39::smallint[], $40::bigint[])
        UNION
        SELECT * FROM UNNEST($41::smallint[], $42::bigint[])
    )
    ORDER BY shard
    FOR SHARE
),
lost AS (
    SELECT shard FROM UNNEST($39::smallint[], $40::bigint[]) AS written (shard, epoch)
    WHERE NOT EXISTS (SELECT FROM owned WHERE (owned.shard, owned.epoch) = (written.shard, written.epoch))
),
started AS (
    INSERT INTO executions (
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state, life
    )
    SELECT
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state, life
    FROM UNNEST(
        $9::smallint[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::uuid[],
        $15::bigint[], $16::text[], $17::bytea[], $18::timestamptz[], $19::text[], $20::text[],
        $21::timestamptz[], $22::bytea[], $23::text[], $24::text[], $25::text[], $38::bigint[],
        $43::uuid[]
    ) AS starts (
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state, epoch, life
    )
    JOIN owned USING (shard, epoch)
    WHERE NOT EXISTS (SELECT FROM lost)
    ON CONFLICT DO NOTHING
    RETURNING id
),
appended AS (
    -- Never ON CONFLICT here: a later turn could then land without its predecessor.
    INSERT INTO turns (shard, execution_id, first_event, event_count, epoch, writer, body)
    SELECT shard, execution_id, first_event, event_count, epoch, $1, body
    FROM UNNEST(
        $2::smallint[], $3::uuid[], $4::bigint[], $5::integer[], $6::bigint[], $7::bytea[],
        $8::boolean[]
    ) AS batch (shard, execution_id, first_event, event_count, epoch, body, starts_here)
    WHERE (NOT starts_here OR execution_id IN (SELECT id FROM started))
        AND NOT EXISTS (SELECT FROM lost)
),
ended AS (
    UPDATE executions
    SET status = ending.status, ended_at = ending.ended_at, output = ending.output,
        error = ending.error, cause = ending.cause, failed_state = ending.failed_state,
        wake_at = NULL
    FROM UNNEST(
        $26::smallint[], $27::uuid[], $28::text[], $29::timestamptz[], $30::bytea[], $31::text[],
        $32::text[], $33::text[]
    ) AS ending (shard, id, status, ended_at, output, error, cause, failed_state)
    WHERE executions.shard = ending.shard AND executions.id = ending.id
        AND NOT EXISTS (SELECT FROM lost)
),
woken AS (
    UPDATE executions
    SET wake_at = NULL
    FROM UNNEST($34::smallint[], $35::uuid[]) AS waking (shard, id)
    -- Whatever `wake_at` is in our snapshot: we may have waited for the commit that sets it.
    WHERE executions.shard = waking.shard AND executions.id = waking.id
        AND NOT EXISTS (SELECT FROM lost)
),
answered AS (
    UPDATE inbox
    SET answer = answers.answer
    FROM UNNEST($36::uuid[], $37::bytea[], $41::smallint[], $42::bigint[])
        AS answers (id, answer, shard, epoch)
    JOIN owned USING (shard, epoch)
    WHERE inbox.id = answers.id AND inbox.answer IS NULL
        AND NOT EXISTS (SELECT FROM lost)
)
SELECT id, NULL::smallint AS lost FROM started
UNION ALL
SELECT NULL, shard FROM lost
