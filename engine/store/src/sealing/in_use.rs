//! Which keys a database's secrets are sealed with, and whether this node has them.

use sqlx::Row;

use crate::sealing::{PROOF, SealingError, SealingKeys, proof_of};
use crate::{Error, Store, in_time};

impl Store {
    /// The same database, whose secrets are sealed with these keys.
    #[must_use]
    pub fn sealed_with(self, keys: SealingKeys) -> Self {
        Self { keys: Some(keys), ..self }
    }

    pub(crate) fn keys(&self) -> Result<&SealingKeys, Error> {
        Ok(self.keys.as_ref().ok_or(SealingError::NoKey)?)
    }

    /// Makes sure that this node can open every secret of the database, now and not when the first
    /// is needed; then makes its first key known. [`Store::migrate`] does so, too.
    pub async fn unlock(&self) -> Result<(), Error> {
        self.check_keys().await?;
        if self.has_plain().await? {
            return Err(SealingError::StillPlain.into());
        }
        self.know_first_key().await
    }

    /// Whether all keys in use are given, and are what they say they are. A database without
    /// tables needs none.
    pub async fn check_keys(&self) -> Result<(), Error> {
        let keys = self.keys()?;
        let there = in_time(
            sqlx::query("SELECT to_regclass('sealing_keys') IS NOT NULL").fetch_one(&self.pool),
        );
        if !there.await?.try_get::<bool, _>(0)? {
            return Ok(());
        }
        let rows = in_time(
            sqlx::query("SELECT id, proof FROM sealing_keys ORDER BY created_at, id")
                .fetch_all(&self.pool),
        )
        .await?;
        let mut lacking = Vec::new();
        for row in &rows {
            let id: &str = row.try_get("id")?;
            if keys.ids().all(|given| given != id) {
                lacking.push(id);
            } else if keys.open(proof_of(id), row.try_get("proof")?)? != PROOF {
                let name = id.to_owned();
                return Err(SealingError::Unreadable { table: "sealing_keys", name }.into());
            }
        }
        if lacking.is_empty() {
            return Ok(());
        }
        Err(keys.lack(&lacking.join("`, `")).into())
    }

    /// Says that the first key is in use, so that nobody starts without it.
    pub(crate) async fn know_first_key(&self) -> Result<(), Error> {
        let key = &self.keys()?.0[0];
        in_time(
            sqlx::query(
                "INSERT INTO sealing_keys (id, proof) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(&key.name)
            .bind(key.seal(proof_of(&key.name), PROOF))
            .execute(&self.pool),
        )
        .await?;
        Ok(())
    }

    /// Whether something is left of what an earlier release stored plain.
    pub(super) async fn has_plain(&self) -> Result<bool, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT EXISTS (SELECT FROM functions WHERE sealed IS NULL)
                     OR EXISTS (SELECT FROM secrets WHERE sealed IS NULL)",
            )
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get(0)?)
    }
}
