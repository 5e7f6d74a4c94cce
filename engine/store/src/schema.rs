//! The schema: whether it is this release's, and how it becomes so.

use sqlx::migrate::Migrator;
use sqlx::{Connection, Row};

use crate::unfit::Unfit;
use crate::{Error, Store, in_time, session};

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// A migration: its number, and the digest of its text.
type Migration = (i64, Vec<u8>);

impl Store {
    /// Brings the schema up to this release and seals what an earlier one stored plain; before
    /// anything is changed, sees that it is no later one's, and that the keys are those of this
    /// database. Safe to call from several nodes at once: they take turns by a lock. A migration takes
    /// as long as it needs.
    pub async fn migrate(&self) -> Result<(), Error> {
        match judge(&self.applied().await?, &known()) {
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

    /// Sees that the schema is this release's; if it is not, the error says what to do.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let unfit = judge(&self.applied().await?, &known());
        unfit.map_or(Ok(()), |unfit| Err(unfit.into()))
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

/// Why a database with these migrations is not this release's; both lists in order.
fn judge(applied: &[Migration], known: &[Migration]) -> Option<Unfit> {
    let Some((has, _)) = applied.last() else { return Some(Unfit::NoSchema) };
    let (has, latest) = (*has, known.last().map_or(0, |(version, _)| *version));
    let other = applied.iter().zip(known).find(|(applied, known)| applied != known);
    if let Some(((version, _), _)) = other {
        return Some(Unfit::Foreign(*version));
    }
    match applied.len().cmp(&known.len()) {
        std::cmp::Ordering::Less => Some(Unfit::Behind { has, needs: latest }),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Unfit::Ahead { has, knows: latest }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_told_from_those_of_other_releases() {
        let migrations =
            |digests: &[u8]| (1_i64..).zip(digests.iter().map(|it| vec![*it])).collect::<Vec<_>>();
        let judged = |applied: &[u8]| judge(&migrations(applied), &migrations(b"ab"));
        assert_eq!(judged(b""), Some(Unfit::NoSchema));
        assert_eq!(judged(b"a"), Some(Unfit::Behind { has: 1, needs: 2 }));
        assert_eq!(judged(b"ab"), None);
        assert_eq!(judged(b"abc"), Some(Unfit::Ahead { has: 3, knows: 2 }));
        assert_eq!(judged(b"ax"), Some(Unfit::Foreign(2)));
        assert_eq!(judged(b"xbc"), Some(Unfit::Foreign(1)));
    }
}
