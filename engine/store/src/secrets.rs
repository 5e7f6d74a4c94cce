//! What all nodes of a database share and nobody else may know.

use sqlx::Row;

use crate::{Error, Store, in_time};

impl Store {
    /// The secret of this name. The first who asks for it makes it what it is for ever: `fresh`.
    pub async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, Error> {
        in_time(async {
            sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(name)
                .bind(fresh)
                .execute(&self.pool)
                .await?;
            sqlx::query("SELECT value FROM secrets WHERE name = $1")
                .bind(name)
                .fetch_one(&self.pool)
                .await?
                .try_get("value")
        })
        .await
    }
}
