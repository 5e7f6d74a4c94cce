//! The canonical request of Signature Version 4: the one text that client and server both make of
//! a request, whatever happened to it on the way.
//!
//! The rules are AWS's for every service but S3: the path, encoded as it came, is encoded once
//! more; parameters are sorted by name and value; values of headers lose the white space around
//! them, and each run of spaces within becomes one.

use std::fmt::Write as _;

use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use sha2::{Digest as _, Sha256};

/// Where a presigned request carries its signature, which is no part of what was signed.
const SIGNATURE: &str = "X-Amz-Signature";

/// The canonical request: what is signed of these parts, with this hash of the body.
///
/// # Errors
/// The first of the signed headers that the request does not have.
pub(super) fn request<'a>(
    parts: &Parts,
    signed_headers: &'a str,
    body_hash: &str,
) -> Result<String, &'a str> {
    let mut text = format!(
        "{}\n{}\n{}\n",
        parts.method,
        path(parts.uri.path()),
        query(parts.uri.query().unwrap_or_default())
    );
    for name in signed_headers.split(';') {
        let value = header_value(parts, name).ok_or(name)?;
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{signed_headers}\n{body_hash}");
    Ok(text)
}

/// What is signed of a canonical request: when, for what, and its hash.
pub(super) fn string_to_sign(timestamp: &str, credential_scope: &str, request: &str) -> String {
    format!("AWS4-HMAC-SHA256\n{timestamp}\n{credential_scope}\n{}", hash(request.as_bytes()))
}

/// The host that was asked: the header, or what stands in its place in HTTP/2.
pub(super) fn host(parts: &Parts) -> Option<String> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok().map(str::to_owned),
        (None, _) => parts.uri.authority().map(|authority| authority.as_str().to_owned()),
        // Who names two hosts means to be understood differently by different readers.
        (Some(_), Some(_)) => None,
    }
}

/// All values of a header, in order.
fn header_value(parts: &Parts, name: &str) -> Option<String> {
    if name == "host" {
        return host(parts);
    }
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| collapsed(&String::from_utf8_lossy(value.as_bytes())))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Without spaces around it, and with one in place of each run of them.
fn collapsed(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The path without `.`, `..` and empty segments, encoded once more than it came.
fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let mut text = String::with_capacity(path.len() + 8);
    for segment in &segments {
        text.push('/');
        encode(segment.bytes(), &mut text);
    }
    if segments.is_empty() || path.ends_with('/') {
        text.push('/');
    }
    text
}

/// The parameters, each encoded once, sorted.
fn query(query: &str) -> String {
    let mut parameters: Vec<(String, String)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| (recoded(name), recoded(value)))
        .filter(|(name, _)| name != SIGNATURE)
        .collect();
    parameters.sort();
    let parameters: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    parameters.join("&")
}

/// Decoded, and encoded as AWS does.
fn recoded(text: &str) -> String {
    let mut recoded = String::with_capacity(text.len());
    encode(decoded(text).into_iter(), &mut recoded);
    recoded
}

/// The bytes that a part of a query stands for. What is no escape stands for itself.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => u8::try_from(16 * high + low).ok(),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}

/// AWS's encoding: everything but letters, digits and four signs.
fn encode(bytes: impl Iterator<Item = u8>, text: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn a_path_is_encoded_once_more_than_it_came() {
        assert_eq!(path("/"), "/");
        assert_eq!(path("/tags/arn%3Aaws%2Fa"), "/tags/arn%253Aaws%252Fa");
        assert_eq!(path("/a:b/~c/"), "/a%3Ab/~c/");
    }

    #[test]
    fn dots_and_empty_segments_are_taken_out_of_a_path() {
        assert_eq!(path("//a/./b//../c"), "/a/c");
        assert_eq!(path("/a/../.."), "/");
        assert_eq!(path(""), "/");
    }

    #[test]
    fn parameters_are_sorted_by_name_and_value_and_encoded_alike() {
        assert_eq!(query("b=2&a=z&a=1&B"), "B=&a=1&a=z&b=2");
        assert_eq!(query("k=a%2fb&p=%7e&q=a/b"), "k=a%2Fb&p=~&q=a%2Fb");
        assert_eq!(query("X-Amz-Signature=00&a=%zz"), "a=%25zz");
    }

    #[test]
    fn values_of_headers_lose_their_spare_spaces() {
        let request = Request::get("/")
            .header("host", "h")
            .header("my-header", "  a   b  ")
            .header("my-header", "c")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        assert_eq!(header_value(&parts, "my-header").as_deref(), Some("a b,c"));
        assert_eq!(header_value(&parts, "absent"), None);
    }

    #[test]
    fn two_hosts_are_none() {
        let request = Request::get("/").header("host", "a").header("host", "b").body(()).unwrap();
        assert_eq!(host(&request.into_parts().0), None);
        let request = Request::get("http://c:1/").body(()).unwrap();
        assert_eq!(host(&request.into_parts().0).as_deref(), Some("c:1"));
    }
}
