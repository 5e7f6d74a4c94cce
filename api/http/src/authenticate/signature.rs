//! Signature Version 4, verified: from the header `Authorization`, or presigned in the query.
//!
//! What is refused, in which order and with which text, follows public records of AWS:
//!
//! - The order of the checks, and the texts about what is missing, a date that is none, the host
//!   that must be signed, the algorithm, the five parts of a credential and what they must be: the
//!   notes in `index.js` of `mhart/dynalite`, whose tests run against `DynamoDB`, too.
//! - `not a valid key=value pair`: iann0036/cloud9-sync#10. `Missing Authentication Token`:
//!   common-voice/common-voice#1599, with `MissingAuthenticationTokenException`.
//! - `Signature expired`, with five minutes: remind101/logspout-kinesis#21;
//!   `Signature not yet current`: aws/aws-sdk-go#2194.
//! - `UnrecognizedClientException`, with status 400 on the JSON wire: aws/aws-sdk-php#2444.
//! - `should be scoped to correct service`, as `InvalidSignatureException`: aws/aws-sdk-ruby#431;
//!   `to a valid region`: aws/aws-sdk-ruby#508.
//! - `is named as a SignedHeader`: awslabs/aws-mobile-appsync-sdk-js#702.
//! - A mismatch: AWS's guide to troubleshooting signed requests, and dynalite as above.
//!
//! `X-Amz-Expires` is bounded as S3 bounds it, in S3's words.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::canonical;
use crate::error::{Kind, OperationError};

/// How far the clocks of client and server may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// The longest life of a presigned request, in seconds: a week.
const MOST_EXPIRES: i64 = 604_800;
/// How AWS writes a moment in a signature.
const BASIC: &str = "%Y%m%dT%H%M%SZ";
/// As much of a header as a refusal repeats.
const SHOWN: usize = 512;

/// What a credential must be scoped to.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// A signature that is well formed, of this moment and for this service. Whether it is right
/// takes the secret and the body.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) key_id: String,
    /// Whether temporary credentials of AWS were used; there are none here.
    pub(super) has_token: bool,
    date: String,
    credential_scope: [String; 3],
    timestamp: String,
    signed_headers: String,
    hex: String,
}

/// Where the parts of a signature were found, as they came.
struct Found {
    algorithm: String,
    credential: String,
    signed_headers: String,
    hex: String,
    date: String,
    /// For how long after its date it may be used; without it for as long as clocks may differ.
    expires: Option<String>,
    has_token: bool,
}

impl Signature {
    /// The signature of a request, checked as far as that goes without key and body.
    ///
    /// # Errors
    /// There is none, a part is missing or malformed, or it is for another time or service.
    pub(super) fn of(
        parts: &Parts,
        expected: Expected,
        now: DateTime<Utc>,
    ) -> Result<Self, OperationError> {
        let query = Query::of(parts);
        let is_presigned = query.get("X-Amz-Algorithm").is_some();
        let found = match (parts.headers.get(header::AUTHORIZATION), is_presigned) {
            (Some(_), true) => {
                return Err(invalid(
                    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as \
                     HTTP header.",
                ));
            }
            (None, false) => return Err(missing()),
            (Some(value), false) => {
                let text = String::from_utf8_lossy(value.as_bytes());
                Found::in_header(text.trim(), &parts.headers)?
            }
            (None, true) => Found::in_query(&query)?,
        };
        let moment = moment(&found.date)?;
        in_time(moment, found.expires.as_deref(), now)?;
        signs_what_matters(&found.signed_headers, &parts.headers)?;
        if found.algorithm != "AWS4-HMAC-SHA256" {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{}' (only AWS4-HMAC-SHA256 for now). ",
                shown(&found.algorithm)
            )));
        }
        let timestamp = moment.format(BASIC).to_string();
        let (key_id, date, credential_scope) = scoped(&found.credential, expected, &timestamp)?;
        Ok(Self {
            key_id,
            has_token: found.has_token,
            date,
            credential_scope,
            timestamp,
            signed_headers: found.signed_headers,
            hex: found.hex,
        })
    }

    /// Whether the holder of this secret signed this very request with a body of this hash.
    ///
    /// # Errors
    /// Somebody else did, or something was changed since; or a header that was signed is gone.
    pub(super) fn verify(
        &self,
        parts: &Parts,
        body_hash: &str,
        secret: &[u8],
    ) -> Result<(), OperationError> {
        let request =
            canonical::request(parts, &self.signed_headers, body_hash).map_err(|name| {
                incomplete(format!(
                    "'{}' is named as a SignedHeader, but it does not exist in the HTTP request.",
                    shown(name)
                ))
            })?;
        let [region, service, terminator] = &self.credential_scope;
        let scope = format!("{}/{region}/{service}/{terminator}", self.date);
        let text = canonical::string_to_sign(&self.timestamp, &scope, &request);
        let mut key = [b"AWS4", secret].concat();
        for part in [&self.date, region, service, terminator] {
            key = keyed(&key, part.as_bytes()).finalize().into_bytes().to_vec();
        }
        // Compared in constant time, so that nobody can feel his way to a signature.
        let given = unhex(&self.hex).unwrap_or_default();
        keyed(&key, text.as_bytes()).verify_slice(&given).map_err(|_| mismatch())
    }
}

impl Found {
    fn in_header(text: &str, headers: &HeaderMap) -> Result<Self, OperationError> {
        if !text.starts_with("AWS4-") {
            return Err(missing());
        }
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (mut credential, mut signed_headers, mut hex) = (None, None, None);
        for pair in rest.split([',', ' ']).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(incomplete(format!(
                    "'{}' not a valid key=value pair (missing equal-sign) in Authorization \
                     header: '{}'.",
                    shown(pair),
                    shown(text)
                )));
            };
            match name {
                "Credential" => credential = Some(value.to_owned()),
                "SignedHeaders" => signed_headers = Some(value.to_owned()),
                "Signature" => hex = Some(value.to_owned()),
                _ => {}
            }
        }
        let date = headers.get("x-amz-date").or_else(|| headers.get(header::DATE));
        let date = date.map(|date| String::from_utf8_lossy(date.as_bytes()).trim().to_owned());
        let mut lacks: Vec<String> =
            [("Credential", &credential), ("Signature", &hex), ("SignedHeaders", &signed_headers)]
                .iter()
                .filter(|(_, value)| value.is_none())
                .map(|(name, _)| format!("Authorization header requires '{name}' parameter. "))
                .collect();
        if date.is_none() {
            let dates = "Authorization header requires existence of either a 'X-Amz-Date' or a \
                      'Date' header. ";
            lacks.push(dates.to_owned());
        }
        match (credential, signed_headers, hex, date) {
            (Some(credential), Some(signed_headers), Some(hex), Some(date)) => Ok(Self {
                algorithm: algorithm.to_owned(),
                credential,
                signed_headers,
                hex,
                date,
                expires: None,
                has_token: headers.contains_key("x-amz-security-token"),
            }),
            _ => Err(incomplete(format!("{}Authorization={}", lacks.concat(), shown(text)))),
        }
    }

    fn in_query(query: &Query) -> Result<Self, OperationError> {
        let names = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
        ];
        let values = names.map(|name| query.get(name).filter(|value| !value.is_empty()));
        if let [Some(algorithm), Some(credential), Some(hex), Some(signed_headers), Some(date)] =
            values.clone()
        {
            let has_token = query.get("X-Amz-Security-Token").is_some();
            let expires = query.get("X-Amz-Expires");
            return Ok(Self {
                algorithm,
                credential,
                signed_headers,
                hex,
                date,
                expires,
                has_token,
            });
        }
        let absent = names.iter().zip(&values).filter(|(_, value)| value.is_none());
        let lacks: Vec<String> = absent
            .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
        Err(incomplete(lacks.concat() + "Re-examine the query-string parameters."))
    }
}

/// The parameters of a request, decoded.
struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    fn of(parts: &Parts) -> Self {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(
            pairs
                .map(|(name, value)| (canonical::decoded(name), canonical::decoded(value)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// The hash that a request itself says its body has, as clients of some languages do. What is named so
/// is signed, or the request is refused.
pub(super) fn declared_hash(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("x-amz-content-sha256").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    value.to_str().ok().filter(|hash| hash.len() == 64 && hash.bytes().all(is_digit))
}

/// When a request says that it was signed.
fn moment(text: &str) -> Result<DateTime<Utc>, OperationError> {
    let is_basic = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let basic = is_basic.then(|| NaiveDateTime::parse_from_str(text, BASIC).ok()).flatten();
    let moment = basic.map(|moment| moment.and_utc());
    // The header `Date` is as HTTP writes it.
    let moment = moment.or_else(|| Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc()));
    moment.ok_or_else(|| {
        incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See \
             http://en.wikipedia.org/wiki/ISO_8601",
            shown(text)
        ))
    })
}

/// Refuses what was signed too long ago, or in the future.
fn in_time(
    moment: DateTime<Utc>,
    expires: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), OperationError> {
    let life = match expires {
        None => SKEW,
        Some(text) => match text.parse::<i64>() {
            Ok(seconds @ 1..=MOST_EXPIRES) => TimeDelta::seconds(seconds),
            Ok(seconds) if seconds > MOST_EXPIRES => {
                return Err(incomplete(format!(
                    "X-Amz-Expires must be less than a week (in seconds); that is, the given \
                     X-Amz-Expires must be less than {MOST_EXPIRES} seconds"
                )));
            }
            Ok(_) => return Err(incomplete("X-Amz-Expires must be non-negative")),
            Err(_) => return Err(incomplete("X-Amz-Expires should be a number")),
        },
    };
    let shown = |moment: DateTime<Utc>| moment.format(BASIC).to_string();
    // Moments are whole seconds, as in the signature itself.
    let earliest = now - life;
    if moment.timestamp() < earliest.timestamp() {
        let span = match life.num_seconds() {
            seconds if seconds % 60 == 0 => format!("{} min.", seconds / 60),
            seconds => format!("{seconds} sec."),
        };
        return Err(invalid(format!(
            "Signature expired: {} is now earlier than {} ({} - {span})",
            shown(moment),
            shown(earliest),
            shown(now)
        )));
    }
    let latest = now + SKEW;
    if moment.timestamp() > latest.timestamp() {
        return Err(invalid(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            shown(moment),
            shown(latest),
            shown(now)
        )));
    }
    Ok(())
}

/// Refuses a signature that leaves open where the request goes, or what `x-amz-…` asks for: the
/// operation is named by such a header, and would be anybody's to change.
fn signs_what_matters(signed: &str, headers: &HeaderMap) -> Result<(), OperationError> {
    // In their order and each once, as every client writes them: repeated, one header could be made
    // as long as one likes.
    if !signed.split(';').is_sorted_by(|one, next| one < next) {
        return Err(invalid("'SignedHeaders' must be sorted, and name each header once."));
    }
    let is_signed = |name: &str| signed.split(';').any(|known| known == name);
    if !is_signed("host") {
        return Err(invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let unsigned = headers.keys().map(header::HeaderName::as_str);
    match unsigned.filter(|name| name.starts_with("x-amz-")).find(|name| !is_signed(name)) {
        Some(name) => {
            Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")))
        }
        None => Ok(()),
    }
}

/// The key's id, the date and the rest of a credential, if it is for here and now.
fn scoped(
    credential: &str,
    expected: Expected,
    timestamp: &str,
) -> Result<(String, String, [String; 3]), OperationError> {
    let pieces: Vec<&str> = credential.trim_end_matches('/').split('/').collect();
    let [key_id, date, region, service, terminator] = pieces[..] else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{}'",
            shown(credential)
        )));
    };
    let expected_date = &timestamp[..8];
    let complaints = [
        (region != expected.region).then(|| {
            let region = shown(region);
            format!("Credential should be scoped to a valid region, not '{region}'. ")
        }),
        (service != expected.service).then(|| {
            let service = expected.service;
            format!("Credential should be scoped to correct service: '{service}'. ")
        }),
        (terminator != "aws4_request").then(|| {
            let terminator = shown(terminator);
            format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not \
                 '{terminator}'. "
            )
        }),
        (date != expected_date).then(|| {
            let date = shown(date);
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{date}' != '{expected_date}', from '{timestamp}'. "
            )
        }),
    ];
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    if !complaints.is_empty() {
        return Err(invalid(complaints.concat()));
    }
    let scope = [region, service, terminator].map(str::to_owned);
    Ok((key_id.to_owned(), date.to_owned(), scope))
}

fn keyed(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC has any length");
    keyed.update(text);
    keyed
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// There is no signature, or none of ours.
pub(super) fn missing() -> OperationError {
    OperationError::new(Kind::MissingAuthenticationToken, "Missing Authentication Token")
}

/// There is no such key.
pub(super) fn unrecognized() -> OperationError {
    let message = "The security token included in the request is invalid.";
    OperationError::new(Kind::UnrecognizedClient, message)
}

/// The key was good once.
pub(super) fn expired() -> OperationError {
    let message = "The security token included in the request is expired";
    OperationError::new(Kind::ExpiredToken, message)
}

/// Somebody else signed it, or something else.
pub(super) fn mismatch() -> OperationError {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
}

fn invalid(message: impl Into<String>) -> OperationError {
    OperationError::new(Kind::InvalidSignature, message)
}

fn incomplete(message: impl Into<String>) -> OperationError {
    OperationError::new(Kind::IncompleteSignature, message)
}

/// Enough of what a client sent to recognise it.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests;
