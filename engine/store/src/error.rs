//! What can go wrong between us and the database.

use std::io;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;

use crate::sealing::SealingError;
use crate::unfit::Unfit;

/// A statement that did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", .kind.as_text())]
pub struct Error {
    kind: ErrorKind,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{0}")]
    Statement(Box<sqlx::Error>),
    #[error("{0}")]
    Sealing(SealingError),
    #[error("{0}")]
    Unfit(Unfit),
}

/// What a caller has to tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// The database cannot be reached, is starting or stopping, is out of room, or took too
    /// long: trying again later may help. Callers outside get 503.
    Unavailable,
    /// A secret cannot be opened or sealed with the keys of this node.
    Sealed,
    /// The database is there and cannot be worked with as it is; the text says what to do.
    Unfit,
    /// The statement or its data was refused, and will be refused again.
    Other,
}

impl ErrorKind {
    fn as_text(self) -> &'static str {
        match self {
            Self::Unavailable => "the database is not available",
            Self::Sealed => "a secret is not at hand",
            Self::Unfit => "the database cannot be used as it is",
            Self::Other => "the database refused a statement",
        }
    }
}

impl Error {
    /// Whether to try again later.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the database is away rather than of another opinion.
    pub fn is_unavailable(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// Whether the schema is an earlier release's, or there is none.
    pub fn lacks_schema(&self) -> bool {
        // A table or a column that is not there.
        self.database_error()
            .and_then(DatabaseError::code)
            .is_some_and(|code| ["42P01", "42703"].contains(&code.as_ref()))
    }

    /// A statement or connection that took longer than we wait.
    pub(crate) fn too_slow() -> Self {
        let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        let cause = Cause::Statement(Box::new(sqlx::Error::Io(late)));
        Self { kind: ErrorKind::Unavailable, cause }
    }

    /// Why a secret cannot be opened or sealed, if that is it.
    pub fn sealing(&self) -> Option<&SealingError> {
        match &self.cause {
            Cause::Sealing(error) => Some(error),
            Cause::Statement(_) | Cause::Unfit(_) => None,
        }
    }

    /// Why a connection did not come about: as a person should hear it, if it can be told.
    pub(crate) async fn of_connecting(error: sqlx::Error, options: &PgConnectOptions) -> Self {
        let is_away = is_away(&error);
        match Unfit::of_connecting(&error, options).await {
            Some(unfit) if is_away => {
                Self { kind: ErrorKind::Unavailable, cause: Cause::Unfit(unfit) }
            }
            Some(unfit) => unfit.into(),
            None => error.into(),
        }
    }

    fn database_error(&self) -> Option<&dyn DatabaseError> {
        match &self.cause {
            Cause::Statement(error) => error.as_database_error(),
            Cause::Sealing(_) | Cause::Unfit(_) => None,
        }
    }

    /// Whether the statement may have been carried out although it reported this.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self.database_error() {
            // Postgres answered: the statement was rolled back, unless the session was being
            // shut down, when the commit may already have been under way.
            Some(error) => {
                error.code().is_none_or(|code| code.starts_with("57P") || code == "40003")
            }
            None => true,
        }
    }

    /// Whether the data was refused, and would be refused again by itself.
    pub(crate) fn is_final(&self) -> bool {
        // What cannot be held, what a table's rules forbid, what is beyond the database's limits.
        self.database_error()
            .and_then(DatabaseError::code)
            .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
    }

    /// Whether a sealing key was to go with which something is sealed.
    pub(crate) fn names_a_key_in_use(&self) -> bool {
        self.database_error().is_some_and(DatabaseError::is_foreign_key_violation)
    }

    /// Whether a row with this key of `turns` is there already.
    pub(crate) fn violates_turns_key(&self) -> bool {
        self.database_error()
            .is_some_and(|error| error.is_unique_violation() && error.table() == Some("turns"))
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        let kind = if is_away(&source) { ErrorKind::Unavailable } else { ErrorKind::Other };
        Self { kind, cause: Cause::Statement(Box::new(source)) }
    }
}

impl From<SealingError> for Error {
    fn from(error: SealingError) -> Self {
        Self { kind: ErrorKind::Sealed, cause: Cause::Sealing(error) }
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        Self { kind: ErrorKind::Unfit, cause: Cause::Unfit(unfit) }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(source)
            | sqlx::migrate::MigrateError::ExecuteMigration(source, _) => source.into(),
            other => sqlx::Error::Migrate(Box::new(other)).into(),
        }
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => is_passing(error.as_ref()),
        // sqlx's enum grows; whatever is new is not a broken connection.
        _ => false,
    }
}

/// Whether the database may be of another mind later, by the class of its SQLSTATE.
fn is_passing(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| {
        ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            // Serialisation failure, deadlock, completion unknown; a transaction in which nothing
            // happened for too long; and a standby that has been connected to by mistake during a
            // failover.
            || ["40001", "40P01", "40003", "25P03", "25006"].contains(&code.as_ref())
    })
}
