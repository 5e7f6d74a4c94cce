//! Why a database cannot be worked with as it is, and what to do about it.

use sqlx::postgres::PgConnectOptions;

/// Why a database cannot be worked with as it is. Each text ends in what to do about it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unfit {
    /// The name of its host means nothing.
    #[error("the host `{0}` is not known: correct it in the URL, or have the name service know it")]
    NoHost(String),
    /// Nobody listens where it should be.
    #[error("nothing listens at `{0}`: start Postgres there, or correct host and port in the URL")]
    NotListening(String),
    /// The password is not the user's.
    #[error("the password of the user `{0}` is refused: correct user and password in the URL")]
    Password(String),
    /// The user may not come in, whatever his password.
    #[error(
        "the user `{user}` is not let in ({why}): create the role, or allow it in `pg_hba.conf`"
    )]
    NotLetIn { user: String, why: String },
    /// There is no database of this name.
    #[error(
        "there is no database `{0}`: create it (`createdb {0}`), or correct its name in the URL"
    )]
    NoDatabase(String),
    /// A pooler gives each transaction another session.
    #[error(
        "a pooler gives each transaction another session, as PgBouncer does with `pool_mode = \
         transaction`, so that notifications and locks of a session are lost: set `pool_mode = \
         session` for this database, or name Postgres itself in the URL"
    )]
    Pooled,
    /// Nothing was ever migrated.
    #[error("it has no schema yet: run `statewright migrate`, or `serve` without `--no-migrate`")]
    NoSchema,
    /// An earlier release migrated last.
    #[error(
        "its schema is an earlier release's (migration {has}, this release needs {needs}): run \
         `statewright migrate`, or `serve` without `--no-migrate`"
    )]
    Behind { has: i64, needs: i64 },
    /// A later release migrated last, and no earlier one can work with what it made.
    #[error(
        "its schema is a later release's, which takes a program that knows migration {needs} (this one \
         knows {knows}): run that release or a later one, or restore the backup that was made before"
    )]
    Ahead { needs: i64, knows: i64 },
    /// A migration has another text than what was run.
    #[error(
        "migration {0} is not the one that was run there: the database was made by another build; \
         run that one, or use another database"
    )]
    Foreign(i64),
}

impl Unfit {
    /// Why a connection did not come about, if it can be told.
    pub(crate) async fn of_connecting(
        error: &sqlx::Error,
        options: &PgConnectOptions,
    ) -> Option<Self> {
        let user = options.get_username().to_owned();
        match error {
            sqlx::Error::Io(error) => {
                if options.get_socket().is_some() || options.get_host().starts_with('/') {
                    return None;
                }
                let (host, port) = (options.get_host(), options.get_port());
                if tokio::net::lookup_host((host, port)).await.is_err() {
                    return Some(Self::NoHost(host.to_owned()));
                }
                let is_refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
                is_refused.then(|| Self::NotListening(format!("{host}:{port}")))
            }
            sqlx::Error::Database(error) => match error.code()?.as_ref() {
                "28P01" => Some(Self::Password(user)),
                "28000" => Some(Self::NotLetIn { user, why: error.message().to_owned() }),
                "3D000" => {
                    Some(Self::NoDatabase(options.get_database().unwrap_or(&user).to_owned()))
                }
                _ => None,
            },
            // sqlx's enum grows; the others have words of their own.
            _ => None,
        }
    }
}
