//! The schema: whether this release can work with it, and how it becomes so.
//!
//! It may be a later release's: while nodes are upgraded one by one, and after a release was gone back
//! from. Migrations that this program does not know are no reason to refuse it, unless the schema itself
//! says that it takes a later program (`schema_support`).

use sqlx::{Connection, Row};

use crate::chapters::MIGRATOR;
use crate::unfit::Unfit;
use crate::{Error, Store, in_time, session};

/// A migration: its number, and the digest of its text.
type Migration = (i64, Vec<u8>);

impl Store {
    /// Brings the schema up to this release and seals what an earlier one stored plain; before
    /// anything is changed, sees that it is none that takes a later program, and that the keys are those
    /// of this database. Safe to call from several nodes at once: they take turns by a lock. A migration
    /// takes as long as it needs. A later release's schema stays as it is.
    pub async fn migrate(&self) -> Result<(), Error> {
        match self.judged().await? {
            None | Some(Unfit::NoSchema | Unfit::Behind { .. }) => {}
            Some(unfit) => return Err(unfit.into()),
        }
        self.check_keys().await?;
        let mut connection = session::open_unhurried(&self.options).await?;
        MIGRATOR.run(&mut connection).await?;
        in_time(connection.close()).await?;
        self.know_first_key().await?;
        self.seal_plain().await?;
        self.unlock().await
    }

    /// Sees that this release can work with the schema; if it cannot, the error says what to do.
    pub async fn check_schema(&self) -> Result<(), Error> {
        self.judged().await?.map_or(Ok(()), |unfit| Err(unfit.into()))
    }

    async fn judged(&self) -> Result<Option<Unfit>, Error> {
        Ok(judge(&self.applied().await?, &known(), self.oldest().await?))
    }

    /// The first migration that a program has to know to work with the schema; 0 if it does not say.
    async fn oldest(&self) -> Result<i64, Error> {
        let oldest = sqlx::query_scalar("SELECT coalesce(max(oldest), 0) FROM schema_support");
        match in_time(oldest.fetch_one(&self.pool)).await {
            Err(error) if error.lacks_schema() => Ok(0),
            oldest => oldest,
        }
    }

    /// The migrations that were run, the first one first.
    async fn applied(&self) -> Result<Vec<Migration>, Error> {
        let statement = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version";
        let rows = match in_time(sqlx::query(statement).fetch_all(&self.pool)).await {
            Err(error) if error.lacks_schema() => return Ok(Vec::new()),
            rows => rows?,
        };
        let migration = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        Ok(rows.iter().map(migration).collect::<Result<_, sqlx::Error>>()?)
    }
}

/// The migrations of this release, the first one first.
fn known() -> Vec<Migration> {
    MIGRATOR.iter().map(|it| (it.version, it.checksum.to_vec())).collect()
}

/// Why this release, which knows these migrations, cannot work with a database where those were applied
/// and that takes a program which knows at least the `oldest`; both lists in order.
fn judge(applied: &[Migration], known: &[Migration], oldest: i64) -> Option<Unfit> {
    let Some((has, _)) = applied.last() else { return Some(Unfit::NoSchema) };
    let (has, latest) = (*has, known.last().map_or(0, |(version, _)| *version));
    let other = applied.iter().zip(known).find(|(applied, known)| applied != known);
    if let Some(((version, _), _)) = other {
        return Some(Unfit::Foreign(*version));
    }
    if applied.len() < known.len() {
        return Some(Unfit::Behind { has, needs: latest });
    }
    (oldest > latest).then_some(Unfit::Ahead { needs: oldest, knows: latest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_told_from_those_of_other_releases() {
        let migrations =
            |digests: &[u8]| (1_i64..).zip(digests.iter().map(|it| vec![*it])).collect::<Vec<_>>();
        let judged = |applied: &[u8]| judge(&migrations(applied), &migrations(b"ab"), 2);
        assert_eq!(judged(b""), Some(Unfit::NoSchema));
        assert_eq!(judged(b"a"), Some(Unfit::Behind { has: 1, needs: 2 }));
        assert_eq!(judged(b"ab"), None);
        assert_eq!(judged(b"abc"), None, "this release's statements are valid there");
        let needy = judge(&migrations(b"abc"), &migrations(b"ab"), 3);
        assert_eq!(needy, Some(Unfit::Ahead { needs: 3, knows: 2 }));
        assert_eq!(judged(b"ax"), Some(Unfit::Foreign(2)));
        assert_eq!(judged(b"xbc"), Some(Unfit::Foreign(1)));
    }
}
