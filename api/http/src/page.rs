//! Page tokens: where the next page begins, sealed so that a caller cannot bend one.
//!
//! A token is the key of the last item shown, when it was made, and a fingerprint of the other
//! arguments, which have to stay the same from page to page (`maxResults` may change). As on
//! AWS it is good for 24 hours and opaque; anything else is `InvalidToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use machine::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::OperationError;

const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

/// Items of one page, and where the next one begins.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_token: self.next_token }
    }
}

/// How many items of a page are asked for: AWS's 0 means its default of 100, 1,000 is the most.
pub fn page_size(asked: Option<u32>) -> usize {
    match asked {
        None | Some(0) => 100,
        Some(asked) => asked.min(1000) as usize,
    }
}

/// A limit for the store that shows whether there is a next page.
pub fn one_more(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX - 1) + 1
}

/// The page of the first `size` of these items, of which there is one more if there is a next
/// page; `key` is where that begins: after the last item of this one.
pub fn cut<T, K: Serialize>(
    mut items: Vec<T>,
    size: usize,
    now: Timestamp,
    arguments: &[&str],
    key: impl FnOnce(&T) -> K,
) -> Page<T> {
    let more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| more);
    let next_token = last.map(|last| seal(&key(last), arguments, now));
    Page { items, next_token }
}

/// The token of a page that begins after `key`, for a listing with these other `arguments`.
pub fn seal(key: &impl Serialize, arguments: &[&str], now: Timestamp) -> String {
    let content = serde_json::json!([fingerprint(arguments), now.0, key]);
    URL_SAFE_NO_PAD.encode(content.to_string())
}

/// The key inside a token that [`seal`] made for the same arguments within the last 24 hours.
pub fn open<K: DeserializeOwned>(
    token: &str,
    arguments: &[&str],
    now: Timestamp,
) -> Result<K, OperationError> {
    let content = URL_SAFE_NO_PAD.decode(token).map_err(|_| OperationError::invalid_token())?;
    // No key holds U+0000, and the database would choke on it.
    if content.windows(6).any(|window| window == br"\u0000") {
        return Err(OperationError::invalid_token());
    }
    let (seen, made_ms, key): (String, i64, Value) =
        serde_json::from_slice(&content).map_err(|_| OperationError::invalid_token())?;
    let fresh = now.0.saturating_sub(made_ms) <= LIFETIME_MS;
    if seen != fingerprint(arguments) || !fresh {
        return Err(OperationError::invalid_token());
    }
    serde_json::from_value(key).map_err(|_| OperationError::invalid_token())
}

/// Not a seal against forgery: a forged key shows only what its forger may list anyway.
fn fingerprint(arguments: &[&str]) -> String {
    // FNV-1a; a separator that no argument contains keeps `["a", "b"]` and `["ab"]` apart.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in arguments.join("\u{0}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn a_token_gives_its_key_back() {
        let token = seal(&(7, "x"), &["arn", "RUNNING"], NOW);
        let key: (i64, String) = open(&token, &["arn", "RUNNING"], NOW).unwrap();
        assert_eq!(key, (7, "x".to_owned()));
    }

    #[test]
    fn other_arguments_old_age_and_garbage_are_refused() {
        let token = seal(&7, &["arn"], NOW);
        assert!(open::<i64>(&token, &["other"], NOW).is_err());
        assert!(open::<i64>(&token, &["arn"], NOW.plus_ms(LIFETIME_MS + 1)).is_err());
        assert!(open::<String>(&token, &["arn"], NOW).is_err());
        for garbage in ["", "xx", "????", "bnVsbA", "W10"] {
            let refusal = open::<i64>(garbage, &["arn"], NOW).unwrap_err();
            assert_eq!(refusal.message, "Invalid Token: 'Invalid token'");
        }
    }
}
