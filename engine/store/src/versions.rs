//! Published versions of state machines.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::state_machines::revision;
use crate::texts::{given, kept};
use crate::{Error, Revision, Store, in_time};

/// An immutable publication of a revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// 1, 2, 3, …; never reused.
    pub number: i64,
    /// The revision it publishes.
    pub revision_id: Uuid,
    /// What the publisher said about it.
    pub description: Option<String>,
    /// When it was published.
    pub created_at: DateTime<Utc>,
}

/// What became of a publication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Published {
    /// The version of the current revision, new or from before.
    Published(Version),
    /// There is no state machine of this name.
    NotFound,
    /// It is being deleted.
    Deleting,
    /// The caller expected another revision to be current.
    OtherRevision,
}

impl Store {
    /// Publishes the current revision as the next version, or returns the version that already
    /// publishes it. With `expected`, only if that revision is current. One commit; locks the
    /// state machine's row.
    pub async fn publish(
        &self,
        account: &str,
        state_machine: &str,
        expected: Option<Uuid>,
        description: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Published, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let published =
                publish_within(&mut transaction, account, state_machine, expected, description, at)
                    .await?;
            transaction.commit().await?;
            Ok(published)
        })
        .await
    }

    /// Versions of a state machine, newest first, from the one before `before` on. Served by the
    /// primary key.
    pub async fn versions(
        &self,
        account: &str,
        state_machine: &str,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Version>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT number, revision_id, description, created_at FROM versions
                 WHERE account = $1 AND state_machine = $2 AND number < $3
                 ORDER BY number DESC
                 LIMIT $4",
            )
            .bind(account)
            .bind(state_machine)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(version).collect::<Result<_, _>>()?)
    }

    /// One version with the revision it publishes. Served by the primary keys.
    pub async fn version(
        &self,
        account: &str,
        state_machine: &str,
        number: i64,
    ) -> Result<Option<(Version, Revision)>, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT versions.number, versions.revision_id, versions.description,
                     versions.created_at, revisions.definition, revisions.role_arn,
                     revisions.logging, revisions.tracing, revisions.encryption,
                     revisions.initial, revisions.created_at AS revised_at
                 FROM versions
                 JOIN revisions ON revisions.id = versions.revision_id
                 WHERE versions.account = $1 AND versions.state_machine = $2
                     AND versions.number = $3",
            )
            .bind(account)
            .bind(state_machine)
            .bind(number)
            .fetch_optional(&self.pool),
        )
        .await?;
        let both = |row: PgRow| Ok::<_, sqlx::Error>((version(&row)?, revision(&row)?));
        Ok(row.map(both).transpose()?)
    }

    /// Removes a version; whether there was one. Executions it started go on, and its number is
    /// not used again.
    pub async fn delete_version(
        &self,
        account: &str,
        state_machine: &str,
        number: i64,
    ) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(
                "DELETE FROM versions WHERE account = $1 AND state_machine = $2 AND number = $3",
            )
            .bind(account)
            .bind(state_machine)
            .bind(number)
            .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(crate) async fn publish_within(
    connection: &mut PgConnection,
    account: &str,
    state_machine: &str,
    expected: Option<Uuid>,
    description: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Published, sqlx::Error> {
    let row = sqlx::query(
        "SELECT status, revision_id FROM state_machines
         WHERE account = $1 AND name = $2
         FOR UPDATE",
    )
    .bind(account)
    .bind(state_machine)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Published::NotFound) };
    if row.try_get::<&str, _>("status")? == "DELETING" {
        return Ok(Published::Deleting);
    }
    let current: Uuid = row.try_get("revision_id")?;
    if expected.is_some_and(|expected| expected != current) {
        return Ok(Published::OtherRevision);
    }
    let row = sqlx::query(include_str!("../sql/publish_version.sql"))
        .bind(account)
        .bind(state_machine)
        .bind(current)
        .bind(description.map(kept))
        .bind(at)
        .fetch_one(connection)
        .await?;
    Ok(Published::Published(version(&row)?))
}

fn version(row: &PgRow) -> Result<Version, sqlx::Error> {
    Ok(Version {
        number: row.try_get("number")?,
        revision_id: row.try_get("revision_id")?,
        description: row.try_get::<Option<_>, _>("description")?.map(given),
        created_at: row.try_get("created_at")?,
    })
}
