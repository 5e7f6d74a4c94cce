//! Sealing what an earlier release stored plain: once, in batches, by however many nodes at once.

use sqlx::{PgConnection, Row};

use crate::functions::{Called, purpose_of_function};
use crate::sealing::SealingKeys;
use crate::secrets::purpose_of_secret;
use crate::{Error, Store, in_time};

#[cfg(test)]
mod tests;

/// Rows sealed by one commit.
const AT_ONCE: i64 = 200;

impl Store {
    /// Seals every secret that is stored plain. Nodes that do it at once wait for each other's
    /// rows; one that is killed leaves whole rows, plain or sealed.
    pub(crate) async fn seal_plain(&self) -> Result<(), Error> {
        let keys = self.keys()?;
        let mut sealed = 0;
        // Nobody stores anything plain any more, so that there is less in every round. One in which
        // others were faster seals nothing, which is why its count does not end the loop.
        while self.has_plain().await? {
            sealed += in_time(async {
                let mut transaction = self.pool.begin().await?;
                let functions = seal_functions(&mut transaction, keys).await?;
                let secrets = seal_secrets(&mut transaction, keys).await?;
                transaction.commit().await?;
                Ok(functions + secrets)
            })
            .await?;
        }
        if sealed > 0 {
            tracing::info!("sealed {sealed} secrets that an earlier release stored plain");
            self.wipe().await;
        }
        Ok(())
    }

    /// Rewrites the tables, so that the plain values are gone from the database's files, too.
    async fn wipe(&self) {
        for rewrite in ["VACUUM (FULL) functions", "VACUUM (FULL) secrets"] {
            if let Err(error) = in_time(sqlx::query(rewrite).execute(&self.pool)).await {
                tracing::warn!(
                    "the database's files may still hold secrets that were stored plain; run \
                     `{rewrite}` on it: {error}"
                );
            }
        }
    }
}

async fn seal_functions(
    connection: &mut PgConnection,
    keys: &SealingKeys,
) -> Result<usize, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT account, name, url, plain_headers FROM functions WHERE sealed IS NULL
         ORDER BY account, name LIMIT $1 FOR UPDATE",
    )
    .bind(AT_ONCE)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let (account, name): (&str, &str) = (row.try_get("account")?, row.try_get("name")?);
        let called = Called::of_plain(row.try_get("url")?, row.try_get("plain_headers")?)?;
        let sealed = keys.seal(purpose_of_function(account, name), &called.to_bytes());
        sqlx::query(
            "UPDATE functions SET url = $3, sealed = $4, sealed_by = $5, plain_headers = NULL
             WHERE account = $1 AND name = $2",
        )
        .bind(account)
        .bind(name)
        .bind(called.shown())
        .bind(sealed.bytes)
        .bind(sealed.by)
        .execute(&mut *connection)
        .await?;
    }
    Ok(rows.len())
}

async fn seal_secrets(
    connection: &mut PgConnection,
    keys: &SealingKeys,
) -> Result<usize, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT name, plain_value FROM secrets WHERE sealed IS NULL
         ORDER BY name LIMIT $1 FOR UPDATE",
    )
    .bind(AT_ONCE)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let name: &str = row.try_get("name")?;
        let sealed = keys.seal(purpose_of_secret(name), row.try_get("plain_value")?);
        sqlx::query(
            "UPDATE secrets SET sealed = $2, sealed_by = $3, plain_value = NULL WHERE name = $1",
        )
        .bind(name)
        .bind(sealed.bytes)
        .bind(sealed.by)
        .execute(&mut *connection)
        .await?;
    }
    Ok(rows.len())
}
