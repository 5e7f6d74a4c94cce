-- One batch: starts, turns, ends, wakes and answers in one commit. Returns the executions that
-- were started; the starts whose name is taken, or whose shard is another's, leave nothing.
WITH owned AS (
    -- A start has no turn before it whose key could shut out a late owner: its shard's epoch must
    -- be the writer's, and stays so until the commit.
    SELECT shard, epoch FROM shards
    WHERE (shard, epoch) IN (SELECT * FROM UNNEST($9::smallint[], $38::bigint[]))
    ORDER BY shard
    FOR SHARE
),
started AS (
    INSERT INTO executions (
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state
    )
    SELECT
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state
    FROM UNNEST(
        $9::smallint[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::uuid[],
        $15::bigint[], $16::text[], $17::bytea[], $18::timestamptz[], $19::text[], $20::text[],
        $21::timestamptz[], $22::bytea[], $23::text[], $24::text[], $25::text[], $38::bigint[]
    ) AS starts (
        shard, id, account, state_machine, name, revision_id, version, alias, input, started_at,
        trace_header, status, ended_at, output, error, cause, failed_state, epoch
    )
    JOIN owned USING (shard, epoch)
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
    WHERE NOT starts_here OR execution_id IN (SELECT id FROM started)
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
),
woken AS (
    UPDATE executions
    SET wake_at = NULL
    FROM UNNEST($34::smallint[], $35::uuid[]) AS waking (shard, id)
    WHERE executions.shard = waking.shard AND executions.id = waking.id
        AND executions.wake_at IS NOT NULL
),
answered AS (
    UPDATE inbox
    SET answer = answers.answer
    FROM UNNEST($36::uuid[], $37::bytea[]) AS answers (id, answer)
    WHERE inbox.id = answers.id AND inbox.answer IS NULL
)
SELECT id FROM started
