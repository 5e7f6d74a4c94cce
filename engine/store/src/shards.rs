//! Who works on which 256th of the executions.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Store, in_time};

/// How many shards there are. Part of the stored format: it never changes.
pub const SHARDS: i16 = 256;

/// The shard of an execution, 0 to 255: 64-bit FNV-1a over account, state machine and name, each
/// followed by a zero byte, its eight bytes folded into one by exclusive or. Part of the stored
/// format: it never changes.
pub fn shard_of(account: &str, state_machine: &str, name: &str) -> i16 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [account, state_machine, name] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash.to_le_bytes().into_iter().fold(0, |folded, byte| folded ^ byte).into()
}

/// What a node learns from a beat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Beat {
    /// The shards it owns until its lease runs out, and their epochs; by shard.
    pub owned: Vec<(i16, i64)>,
    /// Those among them that are beyond its fair share: hand them over, then release them.
    pub surplus: Vec<i16>,
    /// Those among them that are watched, because their owners have died: see [`Store::try_executions`].
    pub watched: Vec<i16>,
    /// How many nodes are alive and go on, this one included if it does.
    pub live_nodes: i64,
    /// How many shards had no living owner before it claimed any.
    pub orphans: i64,
    /// When it was, by the database's clock.
    pub told_at: DateTime<Utc>,
}

impl Beat {
    /// How many shards are a node's fair share.
    pub fn fair_share(&self) -> usize {
        fair_share(self.live_nodes)
    }
}

impl Store {
    /// Says that the node of this name is alive and renews its own leases for `lease` (also those that ran
    /// out, as long as nobody claimed them), in one statement. Where it owns less than its fair
    /// share, 256 by the number of live nodes, rounded up, a second one claims free and expired
    /// shards. A claim raises the epoch; a renewal does not.
    ///
    /// Locks the shards' rows in their order, then the node's; others' shards only where free
    /// (`SKIP LOCKED`), so that nodes do not wait for each other's claims, nor claim what is just
    /// being written to.
    pub async fn beat(&self, node: Uuid, lease: Duration, name: &str) -> Result<Beat, Error> {
        let mut beat = self.say_alive(node, lease, name, false).await?;
        let (owned, fair) = (&mut beat.owned, fair_share(beat.live_nodes));
        if owned.len() < fair {
            let claimed = in_time(
                sqlx::query(include_str!("../sql/claim_shards.sql"))
                    .bind(self.now)
                    .bind(node)
                    .bind(lease.as_secs_f64())
                    .bind(i64::try_from(fair - owned.len()).expect("at most 256"))
                    .fetch_all(&self.pool),
            )
            .await?;
            owned.extend(leases(&claimed)?);
            beat.watched.extend(watched(&claimed)?);
        }
        owned.sort_unstable();
        beat.watched.sort_unstable();
        beat.surplus = owned.iter().skip(fair).map(|(shard, _)| *shard).collect();
        Ok(beat)
    }

    /// The same of a node that hands its shards over: it claims none, and does not count when shares
    /// are made.
    pub async fn beat_draining(
        &self,
        node: Uuid,
        lease: Duration,
        name: &str,
    ) -> Result<Beat, Error> {
        self.say_alive(node, lease, name, true).await
    }

    async fn say_alive(
        &self,
        node: Uuid,
        lease: Duration,
        name: &str,
        is_draining: bool,
    ) -> Result<Beat, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/beat.sql"))
                .bind(self.now)
                .bind(node)
                .bind(name)
                .bind(lease.as_secs_f64())
                .bind(is_draining)
                .fetch_all(&self.pool),
        )
        .await?;
        let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let (live_nodes, orphans) = (first.try_get("live_nodes")?, first.try_get("orphans")?);
        let told_at = first.try_get("told_at")?;
        let (owned, watched) = (leases(&rows)?, watched(&rows)?);
        Ok(Beat { owned, surplus: Vec::new(), watched, live_nodes, orphans, told_at })
    }

    /// Gives shards back at once, so that others need not wait for the lease to run out; those
    /// that are not the node's stay as they are. Call it after the last commit for them.
    pub async fn release(&self, node: Uuid, shards: &[i16]) -> Result<(), Error> {
        // Committed by a word of its own: what waits for a lock longer than we wait for it must not
        // take from us what has become ours again.
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(
                "WITH mine AS (
                     SELECT shard FROM shards
                     WHERE owner = $1 AND shard = ANY($2)
                     ORDER BY shard
                     FOR UPDATE
                 )
                 UPDATE shards SET owner = NULL, expires_at = NULL
                 FROM mine
                 WHERE shards.shard = mine.shard",
            )
            .bind(node)
            .bind(shards)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        })
        .await?;
        Ok(())
    }

    /// Takes the node off the list of live ones, so that the others' fair share grows at once.
    pub async fn leave(&self, node: Uuid) -> Result<(), Error> {
        // What it was about to do when it was stopped is not what it died over.
        let statement = sqlx::query(
            "WITH taken_back AS (DELETE FROM trials WHERE node = $1)
             DELETE FROM nodes WHERE id = $1",
        );
        in_time(statement.bind(node).execute(&self.pool)).await?;
        Ok(())
    }

    /// The shards that are a node's, by what the database has, whatever the node knows of them.
    pub async fn shards_of(&self, node: Uuid) -> Result<Vec<i16>, Error> {
        let statement = sqlx::query("SELECT shard FROM shards WHERE owner = $1 ORDER BY shard");
        let rows = in_time(statement.bind(node).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The time by the clock that leases are measured with.
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        let row =
            in_time(sqlx::query("SELECT coalesce($1, now())").bind(self.now).fetch_one(&self.pool))
                .await?;
        Ok(row.try_get(0)?)
    }
}

/// The shards of these rows and their epochs; a row may have none.
fn leases(rows: &[PgRow]) -> Result<Vec<(i16, i64)>, sqlx::Error> {
    let lease = |row: &PgRow| -> Result<Option<(i16, i64)>, sqlx::Error> {
        let shard: Option<i16> = row.try_get("shard")?;
        shard.map(|shard| Ok((shard, row.try_get("epoch")?))).transpose()
    };
    rows.iter().filter_map(|row| lease(row).transpose()).collect()
}

/// Those of these shards that are watched.
fn watched(rows: &[PgRow]) -> Result<Vec<i16>, sqlx::Error> {
    let mut watched = Vec::new();
    for row in rows {
        if let (Some(shard), Some(true)) = (row.try_get("shard")?, row.try_get("is_watched")?) {
            watched.push(shard);
        }
    }
    Ok(watched)
}

/// 256 by the number of live nodes, rounded up, so that all nodes together can own all.
fn fair_share(live_nodes: i64) -> usize {
    let nodes = usize::try_from(live_nodes.max(1)).unwrap_or(1);
    usize::from(SHARDS.unsigned_abs()).div_ceil(nodes)
}

#[cfg(test)]
mod tests {
    use super::{fair_share, shard_of};

    #[test]
    fn a_shard_never_changes() {
        assert_eq!(shard_of("000000000000", "orders", "order-1"), 19);
        assert_ne!(shard_of("a", "b", "cd"), shard_of("a", "bc", "d"));
    }

    #[test]
    fn names_spread_over_all_shards() {
        let mut counts = [0; 256];
        for n in 0..25_600 {
            let shard = shard_of("000000000000", "orders", &format!("order-{n}"));
            counts[usize::try_from(shard).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
    }

    #[test]
    fn fair_shares_cover_all_shards() {
        for nodes in 1_u8..=255 {
            assert!(fair_share(i64::from(nodes)) * usize::from(nodes) >= 256);
        }
    }
}
