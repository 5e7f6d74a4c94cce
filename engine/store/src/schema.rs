//! The schema, and which programs can work on it.
//!
//! A schema may be a later release's: while nodes are upgraded one by one, and after a release was gone
//! back from. Migrations that this program does not know are no reason to refuse it, unless the schema
//! itself says that it takes a later program (`schema_support`).

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use crate::{Error, Store, in_time};

pub(crate) static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../../migrations");
    migrator.set_ignore_missing(true);
    migrator
});

/// A schema that this program cannot work on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "it takes a program that knows migration {needed}, and this one knows none after {known}: start the \
     release that changed the schema, or a later one"
)]
pub(crate) struct LaterSchema {
    /// The migration that a program has to know.
    pub(crate) needed: i64,
    /// The last one that this program knows.
    pub(crate) known: i64,
}

impl Store {
    /// Brings the schema up to this release and seals what an earlier one stored plain; before
    /// anything is changed, sees that the keys are those of this database. Safe to call from several
    /// nodes at once: they take turns by a lock. A later release's schema that this program can work on
    /// stays as it is.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.check_schema().await?;
        self.check_keys().await?;
        MIGRATOR.run(&self.pool).await?;
        self.know_first_key().await?;
        self.seal_plain().await?;
        self.unlock().await
    }

    /// Whether this program can work on the schema if it is a later release's. An earlier release's, or
    /// none, passes too: [`Store::migrate`] brings that up to date.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let says_so = sqlx::query_scalar("SELECT to_regclass('schema_support') IS NOT NULL");
        if !in_time(says_so.fetch_one(&self.pool)).await? {
            return Ok(());
        }
        let needed = sqlx::query_scalar("SELECT max(oldest) FROM schema_support");
        let needed: Option<i64> = in_time(needed.fetch_one(&self.pool)).await?;
        let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
        match needed {
            Some(needed) if needed > known => Err(LaterSchema { needed, known }.into()),
            _ => Ok(()),
        }
    }
}
