//! Shards from one node to the next: handed over by one that lives, or taken by the process that comes
//! after one that has died.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Executor as _, PgPool, Row};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Error, STATEMENT_TIMEOUT, Store, in_time, session};

/// A node's name, held by this process until the connection it is held by is lost.
#[derive(Debug)]
pub struct NameLock {
    /// Listens to nothing: only a listener can wait for the end of its connection.
    connection: PgListener,
    pool: PgPool,
    is_lost: bool,
}

impl NameLock {
    /// Whether it is still held.
    pub async fn holds(&mut self) -> bool {
        // What is asked of a listener that has lost its connection is asked over another one.
        !self.is_lost && in_time(self.connection.execute("SELECT 1")).await.is_ok()
    }

    /// Waits until the connection breaks, as far as the system notices: the name may be another's then.
    /// Dropping the future loses nothing.
    pub async fn lost(&mut self) {
        while !self.is_lost {
            self.is_lost = !matches!(self.connection.try_recv().await, Ok(Some(_)));
        }
    }

    /// Lets go of the name.
    pub async fn release(self) {
        // Whatever comes of it: the name is free when the connection is gone.
        drop(self.connection);
        let _ = timeout(STATEMENT_TIMEOUT, self.pool.close()).await;
    }
}

impl Store {
    /// Takes hold of a node's name by an advisory lock of a session of its own; `None` if another
    /// session has it. As a session ends with its process, that nobody has it means that no other
    /// process of this name is connected to the database.
    pub async fn lock_name(&self, name: &str) -> Result<Option<NameLock>, Error> {
        in_time(async {
            let pool = session::pool_for_listener(&self.options, self.patience);
            let mut connection = PgListener::connect_with(&pool).await?;
            // One that is opened anew has no lock.
            connection.eager_reconnect(false);
            let statement = sqlx::query(
                "SELECT pg_try_advisory_lock(hashtextextended('statewright node ' || $1, 0))",
            );
            let row = connection.fetch_one(statement.bind(name)).await?;
            if row.try_get(0)? {
                return Ok(Some(NameLock { connection, pool, is_lost: false }));
            }
            drop(connection);
            pool.close().await;
            Ok(None)
        })
        .await
    }

    /// Makes this node's whatever earlier processes of its name own, raising epochs as any claim does,
    /// and takes those off the list of nodes. Only for who holds the name. How many shards it were.
    pub async fn succeed(&self, node: Uuid, name: &str, lease: Duration) -> Result<usize, Error> {
        let taken = in_time(
            sqlx::query(include_str!("../sql/succeed.sql"))
                .bind(self.now)
                .bind(node)
                .bind(name)
                .bind(lease.as_secs_f64())
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(taken.len())
    }

    /// Gives shards of this node to others that live and go on, so that each comes nearer to the same
    /// number; a shard is never without an owner in between. Nodes whose process seems to be gone
    /// are left out as long as there are others. Those for whom there is nobody are given back to all,
    /// as by [`Store::release`]. Call it after the last commit for them. Returns how many have gone to
    /// other nodes.
    pub async fn hand_over(&self, node: Uuid, shards: &[i16]) -> Result<usize, Error> {
        let handed = in_time(async {
            let mut transaction = self.pool.begin().await?;
            let heirs = sqlx::query(include_str!("../sql/heirs.sql"))
                .bind(self.now)
                .bind(node)
                .fetch_all(&mut *transaction)
                .await?;
            let heirs: Vec<Heir> = heirs.iter().map(heir).collect::<Result<_, sqlx::Error>>()?;
            let given = divide(shards, heirs);
            let (given, to): (Vec<i16>, Vec<Uuid>) = given.into_iter().unzip();
            let done = sqlx::query(include_str!("../sql/hand_over.sql"))
                .bind(node)
                .bind(given)
                .bind(to)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(done.rows_affected())
        })
        .await?;
        if handed == 0 {
            self.release(node, shards).await?;
        }
        Ok(usize::try_from(handed).unwrap_or(usize::MAX))
    }

    /// Whether nobody is there who could answer for this shard, and who should be.
    pub async fn orphaned(&self, shard: i16) -> Result<Option<Orphaned>, Error> {
        let row = in_time(
            sqlx::query(include_str!("../sql/orphaned.sql"))
                .bind(self.now)
                .bind(shard)
                .fetch_one(&self.pool),
        )
        .await?;
        let owner = row.try_get("owner")?;
        Ok(row.try_get::<bool, _>("is_orphaned")?.then_some(Orphaned { owner }))
    }
}

/// A shard that nobody answers for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Orphaned {
    /// Whose it is as long as nobody takes it over, if it is anybody's.
    pub owner: Option<Uuid>,
}

/// A node that may be given shards.
#[derive(Clone, Copy, Debug)]
struct Heir {
    id: Uuid,
    owned: i64,
    /// A process holds its name.
    is_there: bool,
}

fn heir(row: &sqlx::postgres::PgRow) -> Result<Heir, sqlx::Error> {
    let (id, owned, is_there) =
        (row.try_get("id")?, row.try_get("owned")?, row.try_get("is_there")?);
    Ok(Heir { id, owned, is_there })
}

/// Each shard to whoever has fewest, and none to who seems to be gone: what nobody is given is free.
fn divide(shards: &[i16], mut heirs: Vec<Heir>) -> Vec<(i16, Uuid)> {
    heirs.retain(|heir| heir.is_there);
    let give = |shard: &i16| {
        let heir = heirs.iter_mut().min_by_key(|heir| heir.owned)?;
        heir.owned += 1;
        Some((*shard, heir.id))
    };
    shards.iter().filter_map(give).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heir(id: u128, owned: i64, is_there: bool) -> Heir {
        Heir { id: Uuid::from_u128(id), owned, is_there }
    }

    #[test]
    fn who_has_fewest_is_given_the_next_one() {
        let given = divide(&[1, 2, 3, 4], vec![heir(1, 5, true), heir(2, 3, true)]);
        let to: Vec<u128> = given.iter().map(|(_, to)| to.as_u128()).collect();
        assert_eq!(to, [2, 2, 1, 2]);
        assert_eq!(divide(&[1], Vec::new()), []);
    }

    #[test]
    fn who_seems_to_be_gone_is_given_nothing() {
        let given = divide(&[1, 2], vec![heir(1, 0, false), heir(2, 9, true)]);
        assert!(given.iter().all(|(_, to)| to.as_u128() == 2));
        assert_eq!(divide(&[1], vec![heir(1, 0, false)]), []);
    }
}
