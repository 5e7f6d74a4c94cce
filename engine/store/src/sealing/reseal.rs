//! The change of a sealing key: everything sealed anew with the first one, while nodes run.

use sqlx::{AssertSqlSafe, Row};

use crate::sealing::{Purpose, SealingError, SealingKeys};
use crate::{Error, Store, in_time};

/// Rows sealed anew by one commit.
const AT_ONCE: i64 = 200;
/// How often we begin anew when somebody goes on sealing with another key.
const PASSES: usize = 5;

/// What was done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Resealed {
    /// How many secrets were sealed with another key before.
    pub secrets: usize,
    /// The ids of the keys that nothing is sealed with any more.
    pub retired: Vec<String>,
}

/// A table of sealed values, and what says whose each is.
struct Table {
    name: &'static str,
    /// A column, or what stands for it.
    account: &'static str,
    /// What its rows are told apart by, with the account.
    key: &'static str,
}

const TABLES: [Table; 3] = [
    Table { name: "functions", account: "account", key: "name" },
    Table { name: "secrets", account: "''", key: "name" },
    Table { name: "access_keys", account: "account", key: "id" },
];

impl Store {
    /// Seals every secret anew that is not sealed with the first key, and takes the other keys off
    /// the list of those in use. Safe while nodes run, and from several places at once. A node that
    /// has not the new key as its first goes on sealing with the old one, which is said.
    pub async fn reseal(&self) -> Result<Resealed, Error> {
        self.unlock().await?;
        let keys = self.keys()?;
        let mut resealed = Resealed::default();
        for _ in 0..PASSES {
            for table in &TABLES {
                // Each round leaves less to do.
                loop {
                    let done = self.reseal_some(table, keys).await?;
                    resealed.secrets += done;
                    if done == 0 {
                        break;
                    }
                }
            }
            match self.retire(keys.first()).await {
                Ok(retired) => return Ok(Resealed { retired, ..resealed }),
                // Others seal anew as we do, or still with another key.
                Err(error) if error.names_a_key_in_use() => {}
                Err(error) => return Err(error),
            }
        }
        let rows = in_time(
            sqlx::query("SELECT id FROM sealing_keys WHERE id <> $1 ORDER BY id")
                .bind(keys.first())
                .fetch_all(&self.pool),
        )
        .await?;
        let ids: Result<Vec<&str>, _> = rows.iter().map(|row| row.try_get("id")).collect();
        Err(SealingError::StillInUse(ids?.join("`, `")).into())
    }

    /// Seals some rows of a table anew; how many.
    async fn reseal_some(&self, table: &'static Table, keys: &SealingKeys) -> Result<usize, Error> {
        let Table { name, account, key } = table;
        // Two comparisons, since an index serves each, and none serves "is another".
        let select = format!(
            "SELECT {account} AS account, {key} AS key, sealed FROM {name}
             WHERE sealed_by < $1 OR sealed_by > $1 ORDER BY 1, 2 LIMIT $2 FOR UPDATE"
        );
        let update = format!(
            "UPDATE {name} SET sealed = $3, sealed_by = $4 WHERE {account} = $1 AND {key} = $2"
        );
        let mut transaction = in_time(self.pool.begin()).await?;
        let rows = in_time(
            sqlx::query(AssertSqlSafe(select))
                .bind(keys.first())
                .bind(AT_ONCE)
                .fetch_all(&mut *transaction),
        )
        .await?;
        for row in &rows {
            let (account, name): (&str, &str) = (row.try_get("account")?, row.try_get("key")?);
            let purpose = Purpose { table: table.name, account, name };
            let plain = keys.open(purpose, row.try_get("sealed")?)?;
            let sealed = keys.seal(purpose, &plain);
            in_time(
                sqlx::query(AssertSqlSafe(update.clone()))
                    .bind(account)
                    .bind(name)
                    .bind(sealed.bytes)
                    .bind(sealed.by)
                    .execute(&mut *transaction),
            )
            .await?;
        }
        in_time(transaction.commit()).await?;
        Ok(rows.len())
    }

    /// Takes every key but this one off the list; the database refuses one that is in use.
    async fn retire(&self, first: &str) -> Result<Vec<String>, Error> {
        let rows = in_time(
            sqlx::query("DELETE FROM sealing_keys WHERE id <> $1 RETURNING id")
                .bind(first)
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }
}
