//! Groups of schedules.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::{Error, Resource, Store, in_time, tags};

/// The group that is always there.
pub const DEFAULT_GROUP: &str = "default";

/// Most schedules that are removed together: each may have a log of thousands of rows.
const AT_ONCE: i64 = 20;

/// A group of schedules. Its tags are those of [`Resource::ScheduleGroup`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScheduleGroup {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// What its creator passed.
    pub client_token: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub modified_at: DateTime<Utc>,
    /// Whether it goes, as soon as its schedules are gone.
    pub is_deleting: bool,
}

/// A group to create.
#[derive(Clone, Debug)]
pub struct NewScheduleGroup {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// So that a repeated creation is known as such.
    pub client_token: Option<String>,
    /// When it is created.
    pub created_at: DateTime<Utc>,
    /// Its tags; the caller has counted them.
    pub tags: Vec<(String, String)>,
}

impl Store {
    /// Creates a group with its tags, in one commit; whether it was not there before. One that
    /// is there stays as it is.
    pub async fn create_schedule_group(&self, new: &NewScheduleGroup) -> Result<bool, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let done = sqlx::query(
                "INSERT INTO schedule_groups (account, name, client_token, created_at, modified_at)
                 VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT DO NOTHING",
            )
            .bind(&new.account)
            .bind(&new.name)
            .bind(&new.client_token)
            .bind(new.created_at)
            .execute(&mut *transaction)
            .await?;
            let is_new = done.rows_affected() == 1;
            if is_new {
                let resource = Resource::ScheduleGroup(new.name.clone());
                tags::write(&mut transaction, &new.account, &resource, &new.tags).await?;
            }
            transaction.commit().await?;
            Ok(is_new)
        })
        .await
    }

    /// Makes the group `default`, if it is not there.
    pub async fn make_default_group(&self, account: &str, at: DateTime<Utc>) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "INSERT INTO schedule_groups (account, name, created_at, modified_at)
                 VALUES ($1, $2, $3, $3)
                 ON CONFLICT DO NOTHING",
            )
            .bind(account)
            .bind(DEFAULT_GROUP)
            .bind(at)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// The group of this name. The default group may not have been made yet.
    pub async fn schedule_group(
        &self,
        account: &str,
        name: &str,
    ) -> Result<Option<ScheduleGroup>, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT account, name, client_token, created_at, modified_at, is_deleting
                 FROM schedule_groups WHERE account = $1 AND name = $2",
            )
            .bind(account)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(group).transpose()?)
    }

    /// The groups of an account by name, from the one after `after` on; only those whose names
    /// begin with `prefix`. Served by the primary key.
    pub async fn schedule_groups(
        &self,
        account: &str,
        prefix: Option<&str>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ScheduleGroup>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT account, name, client_token, created_at, modified_at, is_deleting
                 FROM schedule_groups
                 WHERE account = $1 AND name > $2 AND starts_with(name, $3)
                 ORDER BY name
                 LIMIT $4",
            )
            .bind(account)
            .bind(after.unwrap_or(""))
            .bind(prefix.unwrap_or(""))
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(group).collect::<Result<_, _>>()?)
    }

    /// Has a group go, with its tags and all its schedules; whether there was one that did not go
    /// yet. No schedule can be created in it any more; the others are removed by
    /// [`Store::remove_deleted_groups`]. Executions they started go on.
    pub async fn delete_schedule_group(
        &self,
        account: &str,
        name: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query(
                "UPDATE schedule_groups SET is_deleting = true, modified_at = $3
                 WHERE account = $1 AND name = $2 AND NOT is_deleting",
            )
            .bind(account)
            .bind(name)
            .bind(at)
            .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes a few schedules of groups that go, with their logs, and the groups that have none
    /// any more; whether there are others. Waits for a schedule that a node is at work on.
    pub async fn remove_deleted_groups(&self) -> Result<bool, Error> {
        let removed: i64 = in_time(
            sqlx::query(include_str!("../../sql/remove_deleted_schedules.sql"))
                .bind(AT_ONCE)
                .fetch_one(&self.pool),
        )
        .await?
        .try_get(0)?;
        if removed == AT_ONCE {
            return Ok(true);
        }
        let groups = sqlx::query(include_str!("../../sql/remove_deleted_groups.sql"));
        self.remove_with_tags(groups, Resource::ScheduleGroup).await?;
        // Somebody else may have removed those that were to be removed here, and left others.
        let row = in_time(
            sqlx::query("SELECT EXISTS (SELECT FROM schedule_groups WHERE is_deleting)")
                .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }
}

fn group(row: &PgRow) -> Result<ScheduleGroup, sqlx::Error> {
    Ok(ScheduleGroup {
        account: row.try_get("account")?,
        name: row.try_get("name")?,
        client_token: row.try_get("client_token")?,
        created_at: row.try_get("created_at")?,
        modified_at: row.try_get("modified_at")?,
        is_deleting: row.try_get("is_deleting")?,
    })
}
