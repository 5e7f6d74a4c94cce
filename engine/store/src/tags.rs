//! Tags of state machines and of whatever else has an ARN.

use sqlx::{PgConnection, Row};

use crate::{Error, Store, in_time};

/// What became of a tagging.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tagged {
    /// The tags are there.
    Tagged,
    /// There would be more than allowed; nothing was changed.
    TooMany,
}

impl Store {
    /// The tags of a resource, by key. `resource` is the end of its ARN, such as
    /// `stateMachine:orders`. Served by the primary key.
    pub async fn tags(
        &self,
        account: &str,
        resource: &str,
    ) -> Result<Vec<(String, String)>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT key, value FROM tags WHERE account = $1 AND resource = $2 ORDER BY key",
            )
            .bind(account)
            .bind(resource)
            .fetch_all(&self.pool),
        )
        .await?;
        let tag = |row: &sqlx::postgres::PgRow| Ok((row.try_get("key")?, row.try_get("value")?));
        Ok(rows.iter().map(tag).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Adds tags, or sets their values anew, unless there would be more than `most`. One commit.
    pub async fn tag(
        &self,
        account: &str,
        resource: &str,
        tags: &[(String, String)],
        most: i64,
    ) -> Result<Tagged, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            write(&mut transaction, account, resource, tags).await?;
            let count: i64 =
                sqlx::query("SELECT count(*) FROM tags WHERE account = $1 AND resource = $2")
                    .bind(account)
                    .bind(resource)
                    .fetch_one(&mut *transaction)
                    .await?
                    .try_get(0)?;
            if count > most {
                transaction.rollback().await?;
                return Ok(Tagged::TooMany);
            }
            transaction.commit().await?;
            Ok(Tagged::Tagged)
        })
        .await
    }

    /// Removes the tags with these keys; those that are not there are no mistake.
    pub async fn untag(&self, account: &str, resource: &str, keys: &[String]) -> Result<(), Error> {
        in_time(
            sqlx::query("DELETE FROM tags WHERE account = $1 AND resource = $2 AND key = ANY($3)")
                .bind(account)
                .bind(resource)
                .bind(keys)
                .execute(&self.pool),
        )
        .await?;
        Ok(())
    }
}

/// Writes tags one by one in the order of their keys, so that two writers cannot deadlock; of a
/// key that is given twice the last counts.
pub(crate) async fn write(
    connection: &mut PgConnection,
    account: &str,
    resource: &str,
    tags: &[(String, String)],
) -> Result<(), sqlx::Error> {
    let mut tags: Vec<_> = tags.iter().collect();
    tags.sort_by_key(|(key, _)| key);
    for (key, value) in tags {
        sqlx::query(
            "INSERT INTO tags (account, resource, key, value) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, resource, key) DO UPDATE SET value = EXCLUDED.value",
        )
        .bind(account)
        .bind(resource)
        .bind(key)
        .bind(value)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
