//! The function registry: what tasks call over HTTP, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::sealing::{Purpose, SealingError, SealingKeys};
use crate::status::{Unknown, word};
use crate::{Error, Secret, Store, in_time, masked_url};

/// How a function is spoken to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// The input is sent by POST as JSON; the JSON answer is the result.
    Http,
    /// The Lambda Invoke API.
    Lambda,
}

impl Protocol {
    /// As the registry spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Lambda => "lambda",
        }
    }
}

impl FromStr for Protocol {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "http" => Ok(Self::Http),
            "lambda" => Ok(Self::Lambda),
            other => Err(Unknown(other.to_owned())),
        }
    }
}

/// What happens to a call that a crash has cut off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Delivery {
    /// It is made again, with the same idempotency key.
    AtLeastOnce,
    /// Its attempt fails.
    AtMostOnce,
}

impl Delivery {
    /// As the registry spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at-least-once",
            Self::AtMostOnce => "at-most-once",
        }
    }
}

impl FromStr for Delivery {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "at-least-once" => Ok(Self::AtLeastOnce),
            "at-most-once" => Ok(Self::AtMostOnce),
            other => Err(Unknown(other.to_owned())),
        }
    }
}

/// A registered function.
#[derive(Clone, Eq, PartialEq)]
pub struct Function {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// Where it is called; its query may be a secret.
    pub url: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How long a call may take when the state sets no shorter time; above zero.
    pub timeout_seconds: Option<i32>,
    /// Sent with every call.
    pub headers: BTreeMap<String, Secret>,
    /// How many calls may be open at once per node; above zero.
    pub max_concurrency: Option<i32>,
    /// What happens to a call that a crash has cut off.
    pub delivery: Delivery,
    /// When it was registered first. Ignored when it is registered again.
    pub created_at: DateTime<Utc>,
    /// When it was registered last.
    pub updated_at: DateTime<Utc>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("account", &self.account)
            .field("name", &self.name)
            .field("url", &masked_url(&self.url))
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// The members of what is sealed.
const URL: &str = "url";
const HEADERS: &str = "headers";

/// How a function is called, as far as it may be secret: what is sealed.
pub(crate) struct Called {
    url: String,
    headers: BTreeMap<String, String>,
}

/// What the sealed part of a function is for.
pub(crate) fn purpose_of_function<'a>(account: &'a str, name: &'a str) -> Purpose<'a> {
    Purpose { table: "functions", account, name }
}

impl Called {
    fn of(function: &Function) -> Self {
        let header = |(name, value): (&String, &Secret)| (name.clone(), value.reveal().to_owned());
        Self { url: function.url.clone(), headers: function.headers.iter().map(header).collect() }
    }

    /// As an earlier release stored it.
    pub(crate) fn of_plain(url: &str, headers: &str) -> Result<Self, sqlx::Error> {
        let headers = serde_json::from_str(headers).map_err(undecodable)?;
        Ok(Self { url: url.to_owned(), headers })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, sqlx::Error> {
        let mut object: Map<String, Value> = serde_json::from_slice(bytes).map_err(undecodable)?;
        let mut member = |name| object.remove(name).unwrap_or_default();
        let (url, headers) = (member(URL), member(HEADERS));
        Ok(Self {
            url: serde_json::from_value(url).map_err(undecodable)?,
            headers: serde_json::from_value(headers).map_err(undecodable)?,
        })
    }

    /// A JSON object.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        json!({ URL: self.url, HEADERS: self.headers }).to_string().into_bytes()
    }

    /// What may be shown of it.
    pub(crate) fn shown(&self) -> String {
        masked_url(&self.url)
    }
}

fn undecodable(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl Store {
    /// Registers a function, in the place of one of the same name; whether it is new. Hint
    /// afterwards ([`Store::hint_functions`]).
    pub async fn put_function(&self, function: &Function) -> Result<bool, Error> {
        let called = Called::of(function);
        let purpose = purpose_of_function(&function.account, &function.name);
        let sealed = self.keys()?.seal(purpose, &called.to_bytes());
        let row = in_time(
            sqlx::query(include_str!("../sql/put_function.sql"))
                .bind(&function.account)
                .bind(&function.name)
                .bind(called.shown())
                .bind(function.protocol.as_str())
                .bind(function.timeout_seconds)
                .bind(sealed.bytes)
                .bind(sealed.by)
                .bind(sealed.proof)
                .bind(function.max_concurrency)
                .bind(function.delivery.as_str())
                .bind(function.created_at)
                .bind(function.updated_at)
                .fetch_one(&self.pool),
        )
        .await?;
        Ok(row.try_get("is_new")?)
    }

    /// The function of this name. Served by the primary key.
    pub async fn function(&self, account: &str, name: &str) -> Result<Option<Function>, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT account, name, sealed, protocol, timeout_seconds, max_concurrency,
                     delivery, created_at, updated_at
                 FROM functions WHERE account = $1 AND name = $2",
            )
            .bind(account)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        let keys = self.keys()?;
        row.as_ref().map(|row| function(row, keys)).transpose()
    }

    /// The functions of an account by name, from the one after `after` on. Served by the primary
    /// key.
    pub async fn functions(
        &self,
        account: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Function>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT account, name, sealed, protocol, timeout_seconds, max_concurrency,
                     delivery, created_at, updated_at
                 FROM functions WHERE account = $1 AND name > $2
                 ORDER BY name
                 LIMIT $3",
            )
            .bind(account)
            .bind(after.unwrap_or(""))
            .bind(limit)
            .fetch_all(&self.pool),
        )
        .await?;
        let keys = self.keys()?;
        rows.iter().map(|row| function(row, keys)).collect()
    }

    /// Removes a function; whether there was one. Hint afterwards.
    pub async fn delete_function(&self, account: &str, name: &str) -> Result<bool, Error> {
        let done = in_time(
            sqlx::query("DELETE FROM functions WHERE account = $1 AND name = $2")
                .bind(account)
                .bind(name)
                .execute(&self.pool),
        )
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn function(row: &PgRow, keys: &SealingKeys) -> Result<Function, Error> {
    let (account, name): (String, String) = (row.try_get("account")?, row.try_get("name")?);
    let sealed: Option<&[u8]> = row.try_get("sealed")?;
    let sealed = sealed.ok_or(SealingError::StillPlain)?;
    let called = Called::from_bytes(&keys.open(purpose_of_function(&account, &name), sealed)?)?;
    Ok(Function {
        account,
        name,
        url: called.url,
        protocol: word(row, "protocol")?,
        timeout_seconds: row.try_get("timeout_seconds")?,
        headers: called.headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        max_concurrency: row.try_get("max_concurrency")?,
        delivery: word(row, "delivery")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
