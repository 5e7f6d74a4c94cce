//! Activities, and the tasks that wait for an activity worker.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Resource, Store, in_time};

/// An activity: a name under which activity workers fetch tasks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Activity {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// JSON text, kept and echoed.
    pub encryption: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What became of a creation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CreatedActivity {
    /// It is new.
    Created,
    /// One of this name is there; nothing was changed. The caller compares.
    Existing(Activity),
}

/// So many tasks of one activity, at most.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WantedTasks {
    /// The activity's account.
    pub account: String,
    /// The activity's name.
    pub activity: String,
    /// How many.
    pub places: i64,
}

/// What one claim takes at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MostTasks {
    /// So many tasks.
    pub count: i64,
    /// So many bytes of inputs, and what the last task brings above that.
    pub bytes: i64,
}

/// A task that waits for an activity worker, claimed by the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfferedTask {
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// The number of the task's `ActivityScheduled` event.
    pub task: i64,
    /// The activity's account.
    pub account: String,
    /// The activity's name.
    pub activity: String,
    /// JSON text.
    pub input: Bytes,
}

impl Store {
    /// Creates an activity with its tags in one commit. Of two at the same time one wins and the
    /// other gets [`CreatedActivity::Existing`].
    pub async fn create_activity(
        &self,
        new: &Activity,
        tags: &[(String, String)],
    ) -> Result<CreatedActivity, Error> {
        let created = in_time(async {
            let mut transaction = self.pool.begin().await?;
            let done = sqlx::query(
                "INSERT INTO activities (account, name, encryption, created_at)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT (account, name) DO NOTHING",
            )
            .bind(&new.account)
            .bind(&new.name)
            .bind(&new.encryption)
            .bind(new.created_at)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(false);
            }
            let resource = Resource::Activity(new.name.clone());
            crate::tags::write(&mut transaction, &new.account, &resource, tags).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await?;
        if created {
            return Ok(CreatedActivity::Created);
        }
        match self.activity(&new.account, &new.name).await? {
            Some(existing) => Ok(CreatedActivity::Existing(existing)),
            // It was deleted between our attempt and our look; the caller tries again.
            None => Err(Error::too_slow()),
        }
    }

    /// The activity of this name. Served by the primary key.
    pub async fn activity(&self, account: &str, name: &str) -> Result<Option<Activity>, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT account, name, encryption, created_at
                 FROM activities WHERE account = $1 AND name = $2",
            )
            .bind(account)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(activity).transpose()?)
    }

    /// The activities of an account by name, from the one after `after` on. Served by the primary
    /// key.
    pub async fn activities(
        &self,
        account: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Activity>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT account, name, encryption, created_at
                 FROM activities WHERE account = $1 AND name > $2
                 ORDER BY name
                 LIMIT $3",
            )
            .bind(account)
            .bind(after.unwrap_or(""))
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(activity).collect::<Result<_, _>>()?)
    }

    /// Removes an activity and its tags; whether there was one. Tasks that wait for it go on
    /// waiting, until they time out or an activity of this name is there again.
    pub async fn delete_activity(&self, account: &str, name: &str) -> Result<bool, Error> {
        let statement = sqlx::query(
            "DELETE FROM activities WHERE account = $1 AND name = $2 RETURNING account, name",
        );
        let statement = statement.bind(account).bind(name);
        Ok(self.remove_with_tags(statement, Resource::Activity).await? == 1)
    }

    /// Claims waiting tasks, those that wait longest first, for each entry as many as it wants, and
    /// `most` in all, for the entries in their order, but none of the shards in `without`: nobody
    /// else is offered them for as long as `hold` says. Each activity is to be named once. Served by
    /// `activity_tasks_waiting`; passes over rows that are locked, so it waits for nobody.
    pub async fn claim_activity_tasks(
        &self,
        wanted: &[WantedTasks],
        without: &[i16],
        hold: Duration,
        most: MostTasks,
    ) -> Result<Vec<OfferedTask>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/claim_activity_tasks.sql"))
                .bind(wanted.iter().map(|wanted| wanted.account.as_str()).collect::<Vec<_>>())
                .bind(wanted.iter().map(|wanted| wanted.activity.as_str()).collect::<Vec<_>>())
                .bind(wanted.iter().map(|wanted| wanted.places).collect::<Vec<_>>())
                .bind(hold.as_secs_f64())
                .bind(self.now)
                .bind(most.count)
                .bind(most.bytes)
                .bind(without)
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(offered).collect::<Result<_, _>>()?)
    }

    /// Gives a claimed task back, so that anyone may claim it at once; one that is not there any
    /// more is no mistake. Served by the primary key.
    pub async fn release_activity_task(&self, offered: &OfferedTask) -> Result<(), Error> {
        in_time(
            sqlx::query(
                "UPDATE activity_tasks SET claimed_until = NULL
                 WHERE shard = $1 AND execution_id = $2 AND task = $3",
            )
            .bind(offered.shard)
            .bind(offered.execution_id)
            .bind(offered.task)
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }
}

fn activity(row: &PgRow) -> Result<Activity, sqlx::Error> {
    Ok(Activity {
        account: row.try_get("account")?,
        name: row.try_get("name")?,
        encryption: row.try_get("encryption")?,
        created_at: row.try_get("created_at")?,
    })
}

fn offered(row: &PgRow) -> Result<OfferedTask, sqlx::Error> {
    Ok(OfferedTask {
        shard: row.try_get("shard")?,
        execution_id: row.try_get("execution_id")?,
        task: row.try_get("task")?,
        account: row.try_get("account")?,
        activity: row.try_get("activity")?,
        input: row.try_get::<Vec<u8>, _>("input")?.into(),
    })
}
