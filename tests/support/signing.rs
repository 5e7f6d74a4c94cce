//! Requests signed as an SDK of AWS signs them (Signature Version 4), with whatever a test wants
//! to be wrong.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use reqwest::header::{AUTHORIZATION, HOST, HeaderValue};
use reqwest::{Request, Url};
use runtime::Clock;
use sha2::{Digest, Sha256};

use crate::aws::REGION;
use crate::psql::in_hexadecimal;

/// An access key, as a client holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Key {
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned() }
    }

    /// The value of the header `Authorization` at the REST door.
    pub fn bearer(&self) -> String {
        format!("Bearer {}.{}", self.id, self.secret)
    }
}

impl From<&store::AccessKey> for Key {
    fn from(key: &store::AccessKey) -> Self {
        Self::new(&key.id, key.secret.reveal())
    }
}

/// The time as a client knows it.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(Clock::default().now().0).expect("the clock is not that wrong")
}

/// Signs a request for one of AWS's services at this time: its host and every header it has.
pub fn sign(request: &mut Request, key: &Key, service: &str, at: DateTime<Utc>) {
    let timestamp = at.format("%Y%m%dT%H%M%SZ").to_string();
    let host = host(request.url());
    let headers = request.headers_mut();
    headers.entry(HOST).or_insert(header(&host));
    headers.insert("x-amz-date", header(&timestamp));
    let mut names: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    let signed = names.join(";");
    let canonical = canonical(request, &names, &signed, "");
    let scope = format!("{}/{REGION}/{service}/aws4_request", &timestamp[..8]);
    let signature = signature(key, service, &timestamp, &scope, &canonical);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        key.id
    );
    request.headers_mut().insert(AUTHORIZATION, header(&authorization));
}

/// Signs in the query, for so many seconds: its host and every header it has.
pub fn presign(request: &mut Request, key: &Key, service: &str, at: DateTime<Utc>, expires: u32) {
    let timestamp = at.format("%Y%m%dT%H%M%SZ").to_string();
    let host = host(request.url());
    request.headers_mut().entry(HOST).or_insert(header(&host));
    let mut names: Vec<String> =
        request.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    let signed = names.join(";");
    let scope = format!("{}/{REGION}/{service}/aws4_request", &timestamp[..8]);
    request
        .url_mut()
        .query_pairs_mut()
        .append_pair("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
        .append_pair("X-Amz-Credential", &format!("{}/{scope}", key.id))
        .append_pair("X-Amz-Date", &timestamp)
        .append_pair("X-Amz-Expires", &expires.to_string())
        .append_pair("X-Amz-SignedHeaders", &signed);
    let mut parameters: Vec<&str> = request.url().query().unwrap_or_default().split('&').collect();
    parameters.sort_unstable();
    let canonical = canonical(request, &names, &signed, &parameters.join("&"));
    let signature = signature(key, service, &timestamp, &scope, &canonical);
    request.url_mut().query_pairs_mut().append_pair("X-Amz-Signature", &signature);
}

fn signature(key: &Key, service: &str, timestamp: &str, scope: &str, canonical: &str) -> String {
    let text = format!("AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{}", hash(canonical.as_bytes()));
    let mut secret = format!("AWS4{}", key.secret).into_bytes();
    for part in [&timestamp[..8], REGION, service, "aws4_request"] {
        secret = keyed(&secret, part);
    }
    in_hexadecimal(&keyed(&secret, &text))
}

/// For paths and queries that are encoded as AWS does already; `query` is sorted.
fn canonical(request: &Request, names: &[String], signed: &str, query: &str) -> String {
    let path = request.url().path().replace('%', "%25").replace(':', "%3A");
    let mut text = format!("{}\n{path}\n{query}\n", request.method());
    for name in names {
        let value = request.headers()[name.as_str()].to_str().expect("tests send ASCII");
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    text + &format!("\n{signed}\n{}", hash(body))
}

fn host(url: &Url) -> String {
    let host = url.host_str().expect("a URL of a server");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("tests send ASCII")
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC has any length");
    keyed.update(text.as_bytes());
    keyed.finalize().into_bytes().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    in_hexadecimal(&Sha256::digest(bytes))
}
