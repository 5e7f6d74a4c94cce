//! What all nodes of a database share and nobody else may know.

use sqlx::Row;

use crate::sealing::{Purpose, SealingError};
use crate::{Error, Store, in_time};

impl Store {
    /// The secret of this name. The first who asks for it makes it what it is for ever: `fresh`.
    pub async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, Error> {
        let keys = self.keys()?;
        let purpose = purpose_of_secret(name);
        let sealed = keys.seal(purpose, fresh);
        let row = in_time(async {
            sqlx::query(
                "WITH known AS (
                     INSERT INTO sealing_keys (id, proof) VALUES ($3, $4) ON CONFLICT DO NOTHING
                 )
                 INSERT INTO secrets (name, sealed, sealed_by) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
            )
            .bind(name)
            .bind(sealed.bytes)
            .bind(sealed.by)
            .bind(sealed.proof)
            .execute(&self.pool)
            .await?;
            sqlx::query("SELECT sealed FROM secrets WHERE name = $1")
                .bind(name)
                .fetch_one(&self.pool)
                .await
        })
        .await?;
        let sealed: Option<&[u8]> = row.try_get("sealed")?;
        Ok(keys.open(purpose, sealed.ok_or(SealingError::StillPlain)?)?)
    }
}

/// What a secret of this table is for.
pub(crate) fn purpose_of_secret(name: &str) -> Purpose<'_> {
    Purpose { table: "secrets", account: "", name }
}
