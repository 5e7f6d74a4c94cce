//! Access keys: who may come in, as which account, and what he may do.

use std::str::FromStr;

use aes_gcm_siv::aead::{OsRng, rand_core::RngCore};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::notify::{ACCESS_KEYS, CHANNEL};
use crate::sealing::{Purpose, SealingKeys};
use crate::status::{Unknown, word};
use crate::{Error, Secret, Store, in_time};

/// What every id that we make begins with.
const ID_PREFIX: &str = "SWK";
/// Letters and digits after it; twenty in all, as AWS's ids have.
const ID_CHARS: usize = 17;
/// What they are taken from.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Forty characters.
const SECRET_BYTES: usize = 30;

/// What an access key allows; each scope includes those before it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// To look at everything of the account.
    Read,
    /// Also to start, stop and answer for executions, and to run schedules.
    Run,
    /// Also to change what runs: state machines, functions, schedules.
    Admin,
}

impl Scope {
    /// Every scope, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Run, Self::Admin];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| Unknown(text.to_owned()))
    }
}

/// An access key with its secret: what a request is judged by. Whether it is still good is for the
/// caller to ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessKey {
    /// What a caller names it by.
    pub id: String,
    /// Twelve digits.
    pub account: String,
    /// What it allows.
    pub scope: Scope,
    /// What a caller proves to know.
    pub secret: Secret,
    /// From when on it is good no more.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl AccessKey {
    /// Whether it opens a door at this time.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// An access key as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedAccessKey {
    /// What a caller names it by.
    pub id: String,
    /// Twelve digits.
    pub account: String,
    /// What it allows.
    pub scope: Scope,
    /// What its maker wants to remember it by.
    pub note: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is good no more.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What is to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewAccessKey {
    /// Twelve digits.
    pub account: String,
    /// What it allows.
    pub scope: Scope,
    /// What to remember it by; may be empty.
    pub note: String,
    /// When it is made.
    pub created_at: DateTime<Utc>,
    /// From when on it is good no more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Whether there are access keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeysThere {
    /// There is one that is neither revoked nor expired.
    pub good: bool,
    /// There is one, or was.
    pub ever: bool,
}

impl Store {
    /// Makes an access key with a new id and a new secret, and tells the nodes.
    pub async fn create_access_key(&self, new: &NewAccessKey) -> Result<AccessKey, Error> {
        let key = AccessKey {
            id: new_id(),
            account: new.account.clone(),
            scope: new.scope,
            secret: new_secret(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let sealed =
            self.keys()?.seal(purpose(&key.account, &key.id), key.secret.reveal().as_bytes());
        in_time(
            sqlx::query(include_str!("../sql/create_access_key.sql"))
                .bind(&key.id)
                .bind(&key.account)
                .bind(key.scope.as_str())
                .bind(sealed.bytes)
                .bind(sealed.by)
                .bind(sealed.proof)
                .bind(&new.note)
                .bind(new.created_at)
                .bind(new.expires_at)
                .bind(CHANNEL)
                .bind(ACCESS_KEYS)
                .execute(&self.pool),
        )
        .await?;
        Ok(key)
    }

    /// The access key of this id, also one that is revoked or expired. Served by the primary key.
    pub async fn access_key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        let keys = self.keys()?;
        let row = in_time(
            sqlx::query(
                "SELECT id, account, scope, sealed, expires_at, revoked_at FROM access_keys
                 WHERE id = $1",
            )
            .bind(id)
            .fetch_optional(&self.pool),
        )
        .await?;
        row.as_ref().map(|row| access_key(row, keys)).transpose()
    }

    /// Access keys of an account, or of all, by account and id, from the one after `after` on.
    pub async fn access_keys(
        &self,
        account: Option<&str>,
        after: Option<(&str, &str)>,
        limit: i64,
    ) -> Result<Vec<ListedAccessKey>, Error> {
        let (after_account, after_id) = after.unwrap_or_default();
        let rows = in_time(
            sqlx::query(
                "SELECT id, account, scope, note, created_at, expires_at, revoked_at
                 FROM access_keys
                 WHERE ($1::text IS NULL OR account = $1) AND (account, id) > ($2, $3)
                 ORDER BY account, id
                 LIMIT $4",
            )
            .bind(account)
            .bind(after_account)
            .bind(after_id)
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(listed).collect::<Result<_, _>>()?)
    }

    /// Takes an access key back and tells the nodes; whether there is one of this id. One that was
    /// taken back before stays so.
    pub async fn revoke_access_key(&self, id: &str) -> Result<bool, Error> {
        let row = in_time(
            sqlx::query(include_str!("../sql/revoke_access_key.sql"))
                .bind(id)
                .bind(self.now)
                .bind(CHANNEL)
                .bind(ACCESS_KEYS)
                .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.is_some())
    }

    /// Whether there are access keys, and good ones. Where there ever were any, the database is not for
    /// everybody.
    pub async fn access_keys_there(&self) -> Result<KeysThere, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT EXISTS (SELECT FROM access_keys) AS ever,
                     EXISTS (
                         SELECT FROM access_keys
                         WHERE revoked_at IS NULL
                             AND (expires_at IS NULL OR expires_at > coalesce($1, now()))
                     ) AS good",
            )
            .bind(self.now)
            .fetch_one(&self.pool),
        )
        .await?;
        Ok(KeysThere { good: row.try_get("good")?, ever: row.try_get("ever")? })
    }
}

/// What the secret of an access key is for: this key of this account alone.
fn purpose<'a>(account: &'a str, id: &'a str) -> Purpose<'a> {
    Purpose { table: "access_keys", account, name: id }
}

fn new_id() -> String {
    let mut bytes = [0; ID_CHARS];
    OsRng.fill_bytes(&mut bytes);
    let char = |byte: &u8| char::from(ID_ALPHABET[usize::from(byte % 32)]);
    ID_PREFIX.chars().chain(bytes.iter().map(char)).collect()
}

/// One that begins with `-` would be an option to a command line.
fn new_secret() -> Secret {
    let mut bytes = [0; SECRET_BYTES];
    loop {
        OsRng.fill_bytes(&mut bytes);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        if !text.starts_with('-') {
            return text.into();
        }
    }
}

fn access_key(row: &PgRow, keys: &SealingKeys) -> Result<AccessKey, Error> {
    let (id, account): (String, String) = (row.try_get("id")?, row.try_get("account")?);
    let secret = keys.open(purpose(&account, &id), row.try_get("sealed")?)?;
    let secret = String::from_utf8(secret).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(AccessKey {
        scope: word(row, "scope")?,
        secret: secret.into(),
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        id,
        account,
    })
}

fn listed(row: &PgRow) -> Result<ListedAccessKey, sqlx::Error> {
    Ok(ListedAccessKey {
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        scope: word(row, "scope")?,
        note: row.try_get("note")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_secrets_are_as_long_as_aws_makes_them_and_safe_to_type() {
        for _ in 0..500 {
            let id = new_id();
            assert_eq!(id.len(), 20);
            assert!(id.starts_with("SWK"), "{id}");
            assert!(id.bytes().all(|byte| ID_ALPHABET.contains(&byte)), "{id}");
            let secret = new_secret();
            let secret = secret.reveal();
            assert_eq!(secret.len(), 40);
            assert!(!secret.starts_with('-'), "{secret}");
            assert!(!secret.contains(['.', ':', ',']), "it can be told from what stands around it");
        }
        assert_ne!(new_id(), new_id());
    }

    #[test]
    fn each_scope_includes_those_before_it() {
        assert!(Scope::Read < Scope::Run && Scope::Run < Scope::Admin);
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().ok(), Some(scope));
        }
        assert!("write".parse::<Scope>().is_err());
    }

    #[test]
    fn a_key_is_good_until_it_expires_or_is_revoked() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let key = AccessKey {
            id: "SWK".into(),
            account: "123456789012".into(),
            scope: Scope::Read,
            secret: "hush".into(),
            expires_at: Some(at(10)),
            revoked_at: None,
        };
        assert!(key.is_good(at(9)) && !key.is_good(at(10)));
        let revoked = AccessKey { revoked_at: Some(at(1)), ..key.clone() };
        assert!(!revoked.is_good(at(9)));
        assert!(AccessKey { expires_at: None, ..key.clone() }.is_good(at(10)));
        assert!(!format!("{key:?}").contains("hush"));
    }
}
