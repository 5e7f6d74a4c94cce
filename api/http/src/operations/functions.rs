//! Functions: what tasks call over HTTP, registered by name.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Uri};
use chrono::{DateTime, Utc};
use runtime::Engine;
use serde::{Deserialize, Serialize};
use store::{MASK, Secret, masked_url};
use utoipa::ToSchema;

use crate::error::OperationError;
use crate::page::{self, Page};

use super::{Caller, failed, moment};

const MAX_TIMEOUT_SECONDS: u32 = 99_999_999;
const MAX_CONCURRENCY: u32 = 100_000;
pub(crate) const MAX_HEADERS: usize = 50;
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Headers that belong to the connection, or that every call sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What tells a function which call this is begins so.
const RESERVED_PREFIX: &str = "statewright-";

/// How a function is called.
#[derive(Clone, Eq, PartialEq)]
pub struct Registration {
    pub url: String,
    pub protocol: Protocol,
    pub timeout_seconds: Option<u32>,
    pub headers: BTreeMap<String, Secret>,
    pub max_concurrency: Option<u32>,
    pub delivery: Delivery,
}

/// How the input gets there and the result comes back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The input is posted as JSON; the JSON answer is the result.
    #[default]
    Http,
    /// The Invoke API of Lambda.
    Lambda,
}

/// What happens to a call of which a crash left it open whether it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It is repeated, with the same idempotency key.
    #[default]
    AtLeastOnce,
    /// It is not repeated: the attempt fails.
    AtMostOnce,
}

/// A function that is registered.
#[derive(Clone)]
pub struct Registered {
    pub name: String,
    pub registration: Registration,
    pub updated_at: DateTime<Utc>,
}

/// Registers a function, or registers it anew; whether it is new.
pub async fn register(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    registration: Registration,
) -> Result<(Registered, bool), OperationError> {
    check_name(name)?;
    registration.check()?;
    if let Some(why) = engine.objection(&registration.url).await {
        return Err(OperationError::validation(why).at("/url"));
    }
    let now = moment(engine.now());
    let function = store::Function {
        account: caller.account.clone(),
        name: name.to_owned(),
        url: registration.url,
        protocol: match registration.protocol {
            Protocol::Http => store::Protocol::Http,
            Protocol::Lambda => store::Protocol::Lambda,
        },
        timeout_seconds: registration.timeout_seconds.map(to_store),
        headers: registration.headers,
        max_concurrency: registration.max_concurrency.map(to_store),
        delivery: match registration.delivery {
            Delivery::AtLeastOnce => store::Delivery::AtLeastOnce,
            Delivery::AtMostOnce => store::Delivery::AtMostOnce,
        },
        created_at: now,
        updated_at: now,
    };
    let is_new = engine.store().put_function(&function).await.map_err(failed)?;
    hint(engine).await;
    Ok((registered(function), is_new))
}

/// The function of this name.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    name: &str,
) -> Result<Registered, OperationError> {
    if check_name(name).is_err() {
        return Err(OperationError::function_does_not_exist(name));
    }
    let found = engine.store().function(&caller.account, name).await.map_err(failed)?;
    found.map(registered).ok_or_else(|| OperationError::function_does_not_exist(name))
}

/// A page of the caller's functions, by name.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Registered>, OperationError> {
    let arguments = ["functions", &caller.account];
    let after: Option<String> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let size = page::page_size(max_results);
    let found = engine
        .store()
        .functions(&caller.account, after.as_deref(), page::one_more(size))
        .await
        .map_err(failed)?;
    Ok(page::cut(found, size, engine.now(), &arguments, |last| last.name.clone()).map(registered))
}

/// Removes a function; one that is not there is no mistake.
pub async fn delete(engine: &Engine, caller: &Caller, name: &str) -> Result<(), OperationError> {
    if check_name(name).is_err() {
        return Ok(());
    }
    if engine.store().delete_function(&caller.account, name).await.map_err(failed)? {
        hint(engine).await;
    }
    Ok(())
}

/// Tells the nodes to read the registry again. A lost hint costs them a few seconds.
async fn hint(engine: &Engine) {
    if let Err(error) = engine.store().hint_functions().await {
        tracing::warn!(%error, "the nodes were not told of a change of functions: {error}");
    }
}

impl Registered {
    /// Where it is called, as far as anybody may see that.
    pub fn shown_url(&self) -> String {
        masked_url(&self.registration.url)
    }

    /// The names of its headers; who may see them may not see what they hold.
    pub fn shown_headers(&self) -> BTreeMap<String, String> {
        let names = self.registration.headers.keys();
        names.map(|name| (name.clone(), MASK.to_owned())).collect()
    }
}

fn check_name(name: &str) -> Result<(), OperationError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(OperationError::validation(
        "the name of a function is to be 1 to 64 letters, digits, hyphens and underscores",
    ))
}

impl Registration {
    fn check(&self) -> Result<(), OperationError> {
        self.check_url()?;
        within("/timeout_seconds", self.timeout_seconds, MAX_TIMEOUT_SECONDS)?;
        within("/max_concurrency", self.max_concurrency, MAX_CONCURRENCY)?;
        self.check_headers()
    }

    fn check_url(&self) -> Result<(), OperationError> {
        let refuse = |why: &str| Err(OperationError::validation(why).at("/url"));
        let Ok(uri) = self.url.parse::<Uri>() else {
            return refuse("`url` cannot be read as a URL");
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return refuse("`url` is to begin with `http://` or `https://`");
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty())
        else {
            return refuse("`url` is to name a host");
        };
        if uri.query().is_some_and(is_mask) {
            return refuse(
                "`url` has the mask `***` as its query: give the query itself, since what is \
                 masked is never kept",
            );
        }
        if authority.as_str().contains('@') {
            return refuse("`url` is not to hold credentials; put them in `headers`");
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<(), OperationError> {
        let refuse = |name: &str, why: &str| {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            Err(OperationError::validation(format!("header `{name}` {why}")).at(pointer))
        };
        let bytes: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.reveal().len()).sum();
        if self.headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
            let why = format!(
                "`headers` may hold {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all"
            );
            return Err(OperationError::validation(why).at("/headers"));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                return refuse(name, "has a name that HTTP does not allow");
            }
            let lower = name.to_ascii_lowercase();
            if RESERVED_HEADERS.contains(&lower.as_str()) || lower.starts_with(RESERVED_PREFIX) {
                return refuse(name, "is set by every call itself");
            }
            let value = value.reveal();
            if HeaderValue::from_str(value).is_err() {
                return refuse(name, "has a value that HTTP does not allow");
            }
            if value == MASK {
                return refuse(
                    name,
                    "has the mask `***` as its value: give the value itself, since what is masked is \
                     never kept",
                );
            }
        }
        Ok(())
    }
}

/// Whether a query is the mask, also after a client has taken it apart and put it together again.
fn is_mask(query: &str) -> bool {
    let query = query.strip_suffix('=').unwrap_or(query);
    query == MASK || query.eq_ignore_ascii_case("%2A%2A%2A")
}

/// Both numbers were found to be far below what the column holds.
fn to_store(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn within(pointer: &str, number: Option<u32>, most: u32) -> Result<(), OperationError> {
    if number.is_none_or(|number| (1..=most).contains(&number)) {
        return Ok(());
    }
    let name = &pointer[1..];
    Err(OperationError::validation(format!("`{name}` is to be from 1 to {most}")).at(pointer))
}

fn registered(function: store::Function) -> Registered {
    let store::Function {
        name,
        url,
        protocol,
        timeout_seconds,
        headers,
        max_concurrency,
        delivery,
        updated_at,
        ..
    } = function;
    let protocol = match protocol {
        store::Protocol::Http => Protocol::Http,
        store::Protocol::Lambda => Protocol::Lambda,
    };
    let delivery = match delivery {
        store::Delivery::AtLeastOnce => Delivery::AtLeastOnce,
        store::Delivery::AtMostOnce => Delivery::AtMostOnce,
    };
    let registration = Registration {
        url,
        protocol,
        timeout_seconds: timeout_seconds.map(i32::unsigned_abs),
        headers,
        max_concurrency: max_concurrency.map(i32::unsigned_abs),
        delivery,
    };
    Registered { name, registration, updated_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(url: &str, header: (&str, &str)) -> Registration {
        Registration {
            url: url.to_owned(),
            protocol: Protocol::Http,
            timeout_seconds: Some(60),
            headers: BTreeMap::from([(header.0.to_owned(), header.1.into())]),
            max_concurrency: None,
            delivery: Delivery::AtLeastOnce,
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        let cases = [
            ("http://localhost:3000/f", ("x-team", "a"), ""),
            ("https://example.com", ("authorization", "Bearer x"), ""),
            ("ftp://example.com", ("a", "b"), "`url` is to begin with `http://` or `https://`"),
            ("nonsense", ("a", "b"), "`url` is to begin with `http://` or `https://`"),
            ("http://a b", ("a", "b"), "`url` cannot be read as a URL"),
            (
                "http://u:p@example.com/",
                ("a", "b"),
                "`url` is not to hold credentials; put them in `headers`",
            ),
            ("http://a", ("Host", "b"), "header `Host` is set by every call itself"),
            ("http://a", ("a b", "c"), "header `a b` has a name that HTTP does not allow"),
            ("http://a", ("a", "b\n"), "header `a` has a value that HTTP does not allow"),
            (
                "http://a",
                ("x-key", "***"),
                "header `x-key` has the mask `***` as its value: give the value itself, since what is masked is \
                     never kept",
            ),
        ];
        for (url, header, expected) in cases {
            let answer = registration(url, header).check();
            assert_eq!(answer.err().map_or(String::new(), |refusal| refusal.message), expected);
        }
    }

    #[test]
    fn every_header_and_the_query_are_masked_whatever_they_are_called() {
        let mut registration = registration("http://a/b?page=1", ("x-team", "a"));
        registration.headers.insert("Authorization".to_owned(), "Bearer x".into());
        let updated_at = DateTime::UNIX_EPOCH;
        let registered = Registered { name: "f".to_owned(), registration, updated_at };
        assert_eq!(registered.shown_url(), "http://a/b?***");
        let shown: Vec<String> = registered
            .shown_headers()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(shown, ["Authorization=***", "x-team=***"]);
    }

    #[test]
    fn what_was_masked_cannot_be_put_back() {
        for query in ["***", "***=", "%2A%2A%2A", "%2a%2a%2a="] {
            let refusal = registration(&format!("http://a/b?{query}"), ("a", "b")).check();
            let refusal = refusal.unwrap_err();
            let told = "`url` has the mask `***` as its query: give the query itself, since what \
                        is masked is never kept";
            assert_eq!(refusal.message, told, "{query}");
            assert_eq!(refusal.pointer.as_deref(), Some("/url"));
        }
        let refusal = registration("http://a", ("x/y", "***")).check().err();
        assert!(refusal.is_some(), "no name with a slash");
        let refusal = registration("http://a", ("x-y", "***")).check().unwrap_err();
        assert_eq!(refusal.pointer.as_deref(), Some("/headers/x-y"));
        assert!(registration("http://a/b?stars=***", ("a", "b***")).check().is_ok());
    }
}
