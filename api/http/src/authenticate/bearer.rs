//! The REST door's way in: the access key itself, as `Authorization: Bearer ID.SECRET`.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, SecondsFormat, Utc};
use store::{AccessKey, Secret};
use subtle::ConstantTimeEq as _;

use crate::error::{Kind, OperationError};

/// What a caller says he holds.
pub(super) struct Presented {
    pub(super) id: String,
    secret: Secret,
}

/// The key that a request presents.
///
/// # Errors
/// It presents none, or nothing that could be one.
pub(super) fn of(headers: &HeaderMap) -> Result<Presented, OperationError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let text = value.to_str().map_err(|_| missing())?.trim();
    let Some((scheme, token)) = text.split_once(' ') else { return Err(missing()) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let (id, secret) = token.trim().split_once('.').ok_or_else(unknown)?;
    Ok(Presented { id: id.to_owned(), secret: secret.into() })
}

/// Whether it is this key, and good now.
///
/// # Errors
/// The secret is another, or the key has been revoked or is expired.
pub(super) fn verify(
    key: &AccessKey,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Result<(), OperationError> {
    // In constant time, so that nobody can feel his way to a secret.
    let (known, given) = (key.secret.reveal().as_bytes(), presented.secret.reveal().as_bytes());
    if !bool::from(known.ct_eq(given)) {
        return Err(unknown());
    }
    if key.is_good(now) {
        return Ok(());
    }
    // Whoever holds the secret may know why it is good no more.
    let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let message = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("the access key was revoked at {}", shown(at)),
        (None, Some(at)) => format!("the access key expired at {}", shown(at)),
        (None, None) => return Err(unknown()),
    };
    Err(OperationError::new(Kind::ExpiredToken, message))
}

/// There is no such key.
pub(super) fn unknown() -> OperationError {
    let message = "the access key is not valid: neither its id nor its secret may be changed";
    OperationError::new(Kind::UnrecognizedClient, message)
}

fn missing() -> OperationError {
    let message = "an access key is needed, as the header `Authorization: Bearer ID.SECRET`; \
                   `statewright keys create` makes one";
    OperationError::new(Kind::MissingAuthenticationToken, message)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use store::Scope;

    use super::*;

    fn presented(value: &str) -> Result<Presented, Kind> {
        let value = HeaderValue::from_str(value).unwrap();
        let headers = [(header::AUTHORIZATION, value)].into_iter().collect();
        of(&headers).map_err(|refusal| refusal.kind)
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn key() -> AccessKey {
        AccessKey {
            id: "SWKA".to_owned(),
            account: "123456789012".to_owned(),
            scope: Scope::Run,
            secret: "hush.hush".into(),
            expires_at: Some(at(100)),
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_its_id_a_dot_and_its_secret() {
        let presented = presented("bearer  SWKA.hush.hush ").unwrap();
        assert_eq!(presented.id, "SWKA");
        assert!(verify(&key(), &presented, at(99)).is_ok());
    }

    #[test]
    fn what_is_no_key_is_told_from_none() {
        for value in ["", "Bearer", "Basic SWKA.hush", "AWS4-HMAC-SHA256 Credential=SWKA/a.b"] {
            assert_eq!(presented(value).err(), Some(Kind::MissingAuthenticationToken), "{value}");
        }
        assert_eq!(presented("Bearer SWKA").err(), Some(Kind::UnrecognizedClient));
        assert!(of(&HeaderMap::new()).is_err());
        let twice = HeaderValue::from_static("Bearer SWKA.hush.hush");
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, twice.clone());
        headers.append(header::AUTHORIZATION, twice);
        assert!(of(&headers).is_err());
    }

    #[test]
    fn only_who_knows_the_secret_hears_why_a_key_is_good_no_more() {
        let right = presented("Bearer SWKA.hush.hush").unwrap();
        let wrong = presented("Bearer SWKA.hush.hus").unwrap();
        let revoked = AccessKey { revoked_at: Some(at(50)), ..key() };
        for key in [&key(), &revoked] {
            let refusal = verify(key, &wrong, at(100)).unwrap_err();
            assert_eq!(refusal.kind, Kind::UnrecognizedClient);
        }
        let told = |key: &AccessKey| verify(key, &right, at(100)).unwrap_err().message;
        assert_eq!(told(&key()), "the access key expired at 1970-01-01T00:01:40Z");
        assert_eq!(told(&revoked), "the access key was revoked at 1970-01-01T00:00:50Z");
    }
}
