//! What this Postgres can take at all: a bare loop appends the same rows in the same batches.
//!
//! The loop runs inside of the server (a `DO` block that inserts through `unnest` and commits), so
//! it pays for neither parsing nor a network. That makes it a hard yardstick for one connection:
//! how near an engine comes says how little it adds to the writing itself. An engine that writes
//! through several connections may pass it where a commit waits for the disk.

use std::time::Duration;

use anyhow::Result;

use tests::psql::psql;

use crate::meter::Reading;

/// Rows per second of one connection, with rows and batches as a load wrote them.
pub(crate) fn rows_per_second(url: &str, used: &Reading, length: Duration) -> Result<f64> {
    let batch = batch_size(used);
    psql(
        url,
        "DROP TABLE IF EXISTS yardstick, measured; \
         CREATE TABLE yardstick (LIKE turns INCLUDING ALL); \
         CREATE TABLE measured (rows_per_second double precision)",
    )?;
    let seconds = length.as_secs_f64();
    // The newest turns are the load's own. As many executions as a batch has rows each append one
    // turn per round, which is how a lane's batches look.
    psql(
        url,
        &format!(
            "DO $$
             DECLARE
                 began timestamptz;
                 rounds bigint := 0;
                 ids uuid[]; shards smallint[]; counts integer[]; bodies bytea[]; writers uuid[];
             BEGIN
                 SELECT array_agg(gen_random_uuid()), array_agg(shard), array_agg(event_count),
                        array_agg(body), array_agg(writer)
                 INTO ids, shards, counts, bodies, writers
                 FROM (SELECT * FROM turns ORDER BY xmin::text::bigint DESC LIMIT {batch}) newest;
                 began := clock_timestamp();
                 LOOP
                     INSERT INTO yardstick
                         (shard, execution_id, first_event, event_count, epoch, writer, body)
                     SELECT shard, id, rounds, events, 1, writer, body
                     FROM unnest(shards, ids, counts, writers, bodies)
                         AS row (shard, id, events, writer, body);
                     COMMIT;
                     rounds := rounds + 1;
                     EXIT WHEN clock_timestamp() > began + make_interval(secs => {seconds});
                 END LOOP;
                 INSERT INTO measured
                 SELECT rounds * cardinality(ids)
                     / extract(epoch FROM clock_timestamp() - began);
             END $$"
        ),
    )?;
    let measured = psql(url, "SELECT rows_per_second FROM measured")?;
    psql(url, "DROP TABLE yardstick, measured")?;
    Ok(measured.parse()?)
}

/// Turns per commit, rounded, as the load wrote them.
pub(crate) fn batch_size(used: &Reading) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of counts is small and positive"
    )]
    let batch = (used.turns / used.commits.max(1.0)).round().max(1.0) as u64;
    batch
}
