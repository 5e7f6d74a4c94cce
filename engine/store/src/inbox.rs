//! Stimuli for executions that another node owns.

use std::time::Duration;

use bytes::Bytes;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Store, in_time};

/// A stimulus on its way to the owner of an execution.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Made by the poster.
    pub id: Uuid,
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// As the runtime encodes it.
    pub stimulus: Bytes,
}

impl Store {
    /// Puts a message into the inbox; once, however often it is posted. Durable when it returns
    /// `true`; `false` if the shard has no owner whose lease holds, or one of those that are known to
    /// be `gone`: then nobody would answer, and nothing is posted.
    pub async fn post(&self, message: &Message, gone: &[Uuid]) -> Result<bool, Error> {
        let row = in_time(
            sqlx::query(
                "WITH living AS (
                     SELECT FROM shards
                     WHERE shard = $1 AND expires_at > coalesce($5, now()) AND owner <> ALL($6)
                 ),
                 posted AS (
                     INSERT INTO inbox (shard, id, execution_id, stimulus, posted_at)
                     SELECT $1, $2, $3, $4, coalesce($5, now()) FROM living
                     ON CONFLICT DO NOTHING
                 )
                 SELECT EXISTS (SELECT FROM living)",
            )
            .bind(message.shard)
            .bind(message.id)
            .bind(message.execution_id)
            .bind(message.stimulus.as_ref())
            .bind(self.now)
            .bind(gone)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Messages of these shards that wait for an answer, oldest first. They stay until the
    /// commit that applies them answers them. Served by `inbox_open`.
    pub async fn inbox(&self, shards: &[i16], limit: i64) -> Result<Vec<Message>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT id, shard, execution_id, stimulus FROM inbox
                 WHERE shard = ANY($1) AND answer IS NULL
                 ORDER BY posted_at, id
                 LIMIT $2",
            )
            .bind(shards)
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        let message = |row: &PgRow| {
            Ok(Message {
                id: row.try_get("id")?,
                shard: row.try_get("shard")?,
                execution_id: row.try_get("execution_id")?,
                stimulus: row.try_get::<Vec<u8>, _>("stimulus")?.into(),
            })
        };
        Ok(rows.iter().map(message).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The answer to a message, once there is one. Served by `inbox_id`.
    pub async fn answer(&self, id: Uuid) -> Result<Option<Bytes>, Error> {
        let row = in_time(
            sqlx::query("SELECT answer FROM inbox WHERE id = $1")
                .bind(id)
                .fetch_optional(&self.pool),
        )
        .await?;
        let answer = row.map(|row| row.try_get::<Option<Vec<u8>>, _>("answer")).transpose()?;
        Ok(answer.flatten().map(Bytes::from))
    }

    /// Answers a message for an execution that has ended, or never was: whoever owns its shard says
    /// so. Served by `inbox_id`.
    pub async fn answer_alone(&self, message: Uuid, answer: &[u8]) -> Result<(), Error> {
        in_time(
            sqlx::query("UPDATE inbox SET answer = $2 WHERE id = $1 AND answer IS NULL")
                .bind(message)
                .bind(answer)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Removes a message, answered or not. An owner that has read it already may still apply it.
    /// Served by `inbox_id`.
    pub async fn forget(&self, id: Uuid) -> Result<(), Error> {
        in_time(sqlx::query("DELETE FROM inbox WHERE id = $1").bind(id).execute(&self.pool))
            .await?;
        Ok(())
    }

    /// Removes a message that is not answered; `false` if there is none. Served by `inbox_id`.
    pub async fn withdraw(&self, id: Uuid) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query("DELETE FROM inbox WHERE id = $1 AND answer IS NULL")
                .bind(id)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes answered messages that were posted longer ago than this, by the clock they were
    /// posted by: their posters are gone. How many it removed. Served by `inbox_answered`.
    pub async fn sweep_inbox(&self, age: Duration) -> Result<u64, Error> {
        let done = in_time(
            sqlx::query(
                "DELETE FROM inbox
                 WHERE answer IS NOT NULL
                     AND posted_at < coalesce($1, now()) - make_interval(secs => $2)",
            )
            .bind(self.now)
            .bind(age.as_secs_f64())
            .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected())
    }
}
