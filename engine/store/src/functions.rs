//! The function registry: what tasks call over HTTP, by name.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::status::{Unknown, word};
use crate::{Error, Store, in_time};

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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// Where it is called.
    pub url: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How long a call may take when the state sets no shorter time; above zero.
    pub timeout_seconds: Option<i32>,
    /// Sent with every call.
    pub headers: BTreeMap<String, String>,
    /// How many calls may be open at once per node; above zero.
    pub max_concurrency: Option<i32>,
    /// What happens to a call that a crash has cut off.
    pub delivery: Delivery,
    /// When it was registered first. Ignored when it is registered again.
    pub created_at: DateTime<Utc>,
    /// When it was registered last.
    pub updated_at: DateTime<Utc>,
}

impl Store {
    /// Registers a function, in the place of one of the same name; whether it is new. Hint
    /// afterwards ([`Store::hint_functions`]).
    pub async fn put_function(&self, function: &Function) -> Result<bool, Error> {
        let headers = serde_json::to_string(&function.headers).expect("texts are JSON strings");
        let row = in_time(
            sqlx::query(include_str!("../sql/put_function.sql"))
                .bind(&function.account)
                .bind(&function.name)
                .bind(&function.url)
                .bind(function.protocol.as_str())
                .bind(function.timeout_seconds)
                .bind(headers)
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
                "SELECT account, name, url, protocol, timeout_seconds, headers, max_concurrency,
                     delivery, created_at, updated_at
                 FROM functions WHERE account = $1 AND name = $2",
            )
            .bind(account)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(function).transpose()?)
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
                "SELECT account, name, url, protocol, timeout_seconds, headers, max_concurrency,
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
        Ok(rows.iter().map(function).collect::<Result<_, _>>()?)
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

fn function(row: &PgRow) -> Result<Function, sqlx::Error> {
    let headers = serde_json::from_str(row.try_get("headers")?)
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Function {
        account: row.try_get("account")?,
        name: row.try_get("name")?,
        url: row.try_get("url")?,
        protocol: word(row, "protocol")?,
        timeout_seconds: row.try_get("timeout_seconds")?,
        headers,
        max_concurrency: row.try_get("max_concurrency")?,
        delivery: word(row, "delivery")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
