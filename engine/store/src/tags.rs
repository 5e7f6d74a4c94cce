//! Tags of state machines and of whatever else has an ARN.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};

use crate::texts::{given, kept};
use crate::{Error, Store, in_time};

/// What can have tags, by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resource {
    /// A state machine.
    StateMachine(String),
    /// An activity.
    Activity(String),
    /// A group of schedules.
    ScheduleGroup(String),
}

impl Resource {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::StateMachine(name) | Self::Activity(name) | Self::ScheduleGroup(name) => name,
        }
    }

    /// The end of its ARN, which is what `tags.resource` holds.
    fn end_of_arn(&self) -> String {
        match self {
            Self::StateMachine(name) => format!("stateMachine:{name}"),
            Self::Activity(name) => format!("activity:{name}"),
            Self::ScheduleGroup(name) => format!("schedule-group/{name}"),
        }
    }

    /// Locks its row against a deletion and against others that write its tags. Whoever writes
    /// tags locks, creates or deletes this row first: so nobody deadlocks, and no tag outlives
    /// what it belongs to.
    fn lock(&self) -> &'static str {
        match self {
            Self::StateMachine(_) => {
                "SELECT 1 FROM state_machines WHERE account = $1 AND name = $2 FOR NO KEY UPDATE"
            }
            Self::Activity(_) => {
                "SELECT 1 FROM activities WHERE account = $1 AND name = $2 FOR NO KEY UPDATE"
            }
            Self::ScheduleGroup(_) => {
                "SELECT 1 FROM schedule_groups WHERE account = $1 AND name = $2 FOR NO KEY UPDATE"
            }
        }
    }
}

/// What became of a tagging.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tagged {
    /// The tags are there.
    Tagged {
        /// How many of their keys were not there before.
        added: u64,
    },
    /// There would be more than allowed; nothing was changed.
    TooMany,
    /// What was to be tagged is not there.
    NotFound,
}

impl Store {
    /// The tags of a resource, by key. Served by the primary key.
    pub async fn tags(
        &self,
        account: &str,
        resource: &Resource,
    ) -> Result<Vec<(String, String)>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT key, value FROM tags WHERE account = $1 AND resource = $2 ORDER BY key",
            )
            .bind(account)
            .bind(resource.end_of_arn())
            .fetch_all(&self.pool),
        )
        .await?;
        let tag = |row: &PgRow| Ok((given(row.try_get("key")?), given(row.try_get("value")?)));
        Ok(rows.iter().map(tag).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Adds tags, or sets their values anew, unless there would be more than `most`. One commit.
    pub async fn tag(
        &self,
        account: &str,
        resource: &Resource,
        tags: &[(String, String)],
        most: i64,
    ) -> Result<Tagged, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            if !lock(&mut transaction, account, resource).await? {
                return Ok(Tagged::NotFound);
            }
            let added = write(&mut transaction, account, resource, tags).await?;
            let count: i64 =
                sqlx::query("SELECT count(*) FROM tags WHERE account = $1 AND resource = $2")
                    .bind(account)
                    .bind(resource.end_of_arn())
                    .fetch_one(&mut *transaction)
                    .await?
                    .try_get(0)?;
            if count > most {
                transaction.rollback().await?;
                return Ok(Tagged::TooMany);
            }
            transaction.commit().await?;
            Ok(Tagged::Tagged { added })
        })
        .await
    }

    /// Removes the tags with these keys; those that are not there are no mistake.
    pub async fn untag(
        &self,
        account: &str,
        resource: &Resource,
        keys: &[String],
    ) -> Result<(), Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction, account, resource).await?;
            sqlx::query("DELETE FROM tags WHERE account = $1 AND resource = $2 AND key = ANY($3)")
                .bind(account)
                .bind(resource.end_of_arn())
                .bind(keys.iter().map(|key| kept(key)).collect::<Vec<_>>())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

/// A statement with its parameters.
type Statement<'a> = Query<'a, Postgres, PgArguments>;

impl Store {
    /// Deletes rows, and the tags of what they are, in one commit; how many. The statement returns
    /// their `account` and `name`. The tags go in one of their own: the first may have waited, and
    /// does not see those that were written meanwhile.
    pub(crate) async fn remove_with_tags(
        &self,
        statement: Statement<'_>,
        resource: fn(String) -> Resource,
    ) -> Result<usize, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let removed = statement.fetch_all(&mut *transaction).await?;
            let (mut accounts, mut resources) = (Vec::<String>::new(), Vec::new());
            for row in &removed {
                accounts.push(row.try_get("account")?);
                resources.push(resource(row.try_get("name")?).end_of_arn());
            }
            if !removed.is_empty() {
                sqlx::query(
                    "DELETE FROM tags USING unnest($1::text[], $2::text[]) AS gone (account, resource)
                     WHERE tags.account = gone.account AND tags.resource = gone.resource",
                )
                .bind(accounts)
                .bind(resources)
                .execute(&mut *transaction)
                .await?;
            }
            transaction.commit().await?;
            Ok(removed.len())
        })
        .await
    }
}

/// Holds a resource's row until the transaction ends; whether it is there.
async fn lock(
    connection: &mut PgConnection,
    account: &str,
    resource: &Resource,
) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(resource.lock())
        .bind(account)
        .bind(resource.name())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Writes tags of a resource whose row this transaction holds; of a key that is given twice the
/// last counts. How many keys are new.
pub(crate) async fn write(
    connection: &mut PgConnection,
    account: &str,
    resource: &Resource,
    tags: &[(String, String)],
) -> Result<u64, sqlx::Error> {
    let resource = resource.end_of_arn();
    let mut added = 0;
    for (key, value) in tags {
        let row = sqlx::query(
            "INSERT INTO tags (account, resource, key, value) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, resource, key) DO UPDATE SET value = EXCLUDED.value
             RETURNING (xmax = 0) AS is_new",
        )
        .bind(account)
        .bind(&resource)
        .bind(kept(key))
        .bind(kept(value))
        .fetch_one(&mut *connection)
        .await?;
        added += u64::from(row.try_get::<bool, _>("is_new")?);
    }
    Ok(added)
}
