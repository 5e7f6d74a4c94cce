//! A browser is no friend: any page that somebody has open can send requests to what listens on
//! his machine.
//!
//! Where keys are needed, a page has none. Where the doors are open, three things give a page
//! away. A name of its own that it lets point here (DNS rebinding) stands in `Host`. A page of
//! another site is named by `Origin`, or at least said to be of one by `Sec-Fetch-Site`. And it
//! cannot declare a body to be JSON without asking first (a CORS preflight), which is never
//! allowed: hence no body is read that is not declared as JSON, whoever sends it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};

use super::Reach;
use super::canonical;
use crate::body;
use crate::error::{Kind, OperationError};

/// What an SDK of AWS puts before the host for two operations of Step Functions.
const PREFIX: &str = "sync-";

/// What names end in that are never in the public DNS.
const PRIVATE: [&str; 5] = [".localhost", ".internal", ".local", ".lan", ".home.arpa"];

/// Refuses a request that a page of elsewhere may have sent.
///
/// # Errors
/// It is for another host, or from another site.
pub(super) fn refuse_foreign(parts: &Parts, reach: Reach) -> Result<(), OperationError> {
    let host = canonical::host(parts);
    refuse_host(parts, host.as_deref(), reach)?;
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let is_ours =
            origins.next().is_none() && host.as_deref().is_some_and(|host| is_same(origin, host));
        if !is_ours {
            return Err(foreign(format!(
                "requests of pages of another origin are refused while no access key is needed; \
                 `Origin` is `{}`",
                shown(origin)
            )));
        }
    }
    match parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(foreign(
            "requests of pages of another site are refused while no access key is needed; \
             `Sec-Fetch-Site` is neither `same-origin` nor `none`",
        )),
    }
}

/// Refuses a body that is not declared as JSON; gives back the body of all others.
///
/// # Errors
/// There is a body, and it is declared as something else or not at all.
pub(super) async fn refuse_undeclared(
    headers: &HeaderMap,
    body: Body,
) -> Result<Body, OperationError> {
    if is_declared(headers) || body.is_end_stream() {
        return Ok(body);
    }
    if body::is_empty(body).await? {
        return Ok(Body::empty());
    }
    let mut declared = headers.get_all(header::CONTENT_TYPE).iter();
    let found = match (declared.next(), declared.next()) {
        (None, _) => "it is not declared at all".to_owned(),
        (Some(one), None) => format!("it is declared as `{}`", shown(one)),
        (Some(_), Some(_)) => "it is declared more than once".to_owned(),
    };
    let message = format!(
        "the request body is to be declared as JSON by `Content-Type: application/json`; {found}"
    );
    Err(OperationError::new(Kind::UnsupportedMediaType, message))
}

fn refuse_host(parts: &Parts, host: Option<&str>, reach: Reach) -> Result<(), OperationError> {
    let is_ours = |authority: &str| named(authority).is_some_and(|name| name.is_within(reach));
    let in_target = parts.uri.authority().map(Authority::as_str);
    if host.is_some_and(is_ours) && in_target.is_none_or(is_ours) {
        return Ok(());
    }
    let names = match reach {
        Reach::Loopback => "a loopback name only, such as `localhost` or `127.0.0.1`",
        Reach::Network => "an address or a name of a private network only",
    };
    let shown: String = host.unwrap_or_default().chars().take(100).collect();
    let message = format!(
        "while no access key is needed, this server is asked by {names}, not as `{shown}`; \
         `statewright keys create` makes an access key, which opens it to other names"
    );
    Err(OperationError::new(Kind::Misdirected, message))
}

/// What a host is called by.
enum Name {
    Address(IpAddr),
    /// In small letters, without a dot at its end.
    Words(String),
}

/// The name in an authority, with or without a port.
fn named(authority: &str) -> Option<Name> {
    let name = without_port(authority)?.to_ascii_lowercase();
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = address.parse::<Ipv6Addr>().ok()?;
        return Some(Name::Address(address.to_canonical()));
    }
    let name = name.strip_suffix('.').unwrap_or(&name);
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Some(Name::Address(address.into()));
    }
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_sign)).then(|| Name::Words(name.to_owned()))
}

impl Name {
    /// Whether nobody elsewhere can let this name point here: a page that has such a name is on
    /// this machine, or on this network.
    fn is_within(&self, reach: Reach) -> bool {
        match (self, reach) {
            (Self::Address(address), Reach::Loopback) => address.is_loopback(),
            // An address points to nothing else, whoever says it.
            (Self::Address(_), Reach::Network) => true,
            (Self::Words(name), Reach::Loopback) => {
                name == "localhost" || name.ends_with(".localhost")
            }
            (Self::Words(name), Reach::Network) => {
                !name.contains('.') || PRIVATE.iter().any(|ending| name.ends_with(ending))
            }
        }
    }
}

/// The host of an authority; `None` if what follows it is no port.
fn without_port(authority: &str) -> Option<&str> {
    let after_address = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_address..].find(':') {
        None => Some(authority),
        Some(at) => {
            let (host, port) = authority.split_at(after_address + at);
            let port = &port[1..];
            (port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
        }
    }
}

/// Whether an origin is a page of this very host.
fn is_same(origin: &HeaderValue, host: &str) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let (authority, default) = if let Some(authority) = origin.strip_prefix("http://") {
        (authority, ":80")
    } else if let Some(authority) = origin.strip_prefix("https://") {
        (authority, ":443")
    } else {
        return false;
    };
    let bare = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        authority.strip_suffix(default).unwrap_or(&authority).to_owned()
    };
    bare(authority) == bare(host)
}

/// Whether there is one content type, and it is JSON of some kind.
fn is_declared(headers: &HeaderMap) -> bool {
    let mut declared = headers.get_all(header::CONTENT_TYPE).iter();
    match (declared.next(), declared.next()) {
        (Some(kind), None) => kind.to_str().is_ok_and(is_json),
        _ => false,
    }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(kind) = kind.strip_prefix("application/") else { return false };
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    matches!(kind, "json" | "x-amz-json-1.0" | "x-amz-json-1.1")
        || kind.strip_suffix("+json").is_some_and(is_token)
}

fn foreign(message: impl Into<String>) -> OperationError {
    OperationError::new(Kind::AccessDenied, message)
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn refused(headers: &[(&str, &str)]) -> Option<Kind> {
        let mut request = Request::get("/v1/executions");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        refuse_foreign(&parts, Reach::Loopback).err().map(|refusal| refusal.kind)
    }

    #[test]
    fn only_loopback_names_are_served() {
        for host in [
            "localhost",
            "LOCALHOST:8083",
            "api.localhost:1",
            "localhost.",
            "127.0.0.1:8083",
            "127.9.8.7",
            "[::1]:8083",
            "[::ffff:127.0.0.1]",
            "sync-localhost:8083",
            "sync-127.0.0.1:8083",
        ] {
            assert_eq!(refused(&[("host", host)]), None, "{host}");
        }
        for host in [
            "x",
            "evil.test",
            "evil.test:8083",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "notlocalhost",
            "evil-localhost",
            "sync-evil.test",
            "192.168.0.1",
            "0.0.0.0:8083",
            "[::2]",
            "localhost:x",
            "localhost:80:80",
            "user@localhost",
            "localhost@evil.test",
            "2130706433",
            "",
        ] {
            assert_eq!(refused(&[("host", host)]), Some(Kind::Misdirected), "{host}");
        }
        assert_eq!(refused(&[]), Some(Kind::Misdirected), "whoever names no host");
        assert_eq!(
            refused(&[("host", "localhost"), ("host", "localhost")]),
            Some(Kind::Misdirected)
        );
    }

    #[test]
    fn a_target_with_another_host_is_not_hidden_by_the_header() {
        let request = Request::get("http://evil.test/").header("host", "localhost");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(refuse_foreign(&parts, Reach::Loopback).is_err());
    }

    #[test]
    fn only_pages_of_this_very_host_are_served() {
        let refused = |host, origin| refused(&[("host", host), ("origin", origin)]);
        assert_eq!(refused("localhost:8083", "http://localhost:8083"), None);
        assert_eq!(refused("localhost:80", "http://LOCALHOST"), None);
        assert_eq!(refused("localhost", "https://localhost:443"), None);
        for origin in [
            "null",
            "http://evil.test",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:8083",
            "http://localhost:8083.evil.test",
            "file://",
            "",
        ] {
            assert_eq!(refused("localhost:8083", origin), Some(Kind::AccessDenied), "{origin}");
        }
    }

    #[test]
    fn what_a_browser_calls_another_site_is_refused() {
        let refused = |site| refused(&[("host", "localhost"), ("sec-fetch-site", site)]);
        assert_eq!((refused("same-origin"), refused("none")), (None, None));
        assert_eq!(refused("cross-site"), Some(Kind::AccessDenied));
        assert_eq!(refused("same-site"), Some(Kind::AccessDenied));
    }

    #[test]
    fn beyond_loopback_private_names_are_served_but_no_foreign_page() {
        let of = |host: &str, origin: Option<&str>| {
            let request = Request::get("/").header("host", host);
            let request = origin.into_iter().fold(request, |it, value| it.header("origin", value));
            let (parts, ()) = request.body(()).unwrap().into_parts();
            refuse_foreign(&parts, Reach::Network).is_ok()
        };
        for host in [
            "statewright:8083",
            "10.0.0.7:8083",
            "[fd00::1]",
            "host.docker.internal:1",
            "statewright.default.svc.cluster.local",
            "localhost",
        ] {
            assert!(of(host, None), "{host}");
        }
        // A page can have such a name, and let it point to a private network.
        for host in ["evil.test", "statewright.evil.com:8083", "", "a b"] {
            assert!(!of(host, None), "{host}");
        }
        assert!(of("statewright:8083", Some("http://statewright:8083")));
        assert!(!of("statewright:8083", Some("http://evil.test")));
    }

    #[test]
    fn json_is_known_by_its_names() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/x-amz-json-1.0",
            "application/x-amz-json-1.1",
            "application/problem+json",
            "application/vnd.a.b+json;v=1",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=application/json",
            "text/plain, application/json",
            "application/jsonp",
            "application/+json",
            "application/a b+json",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[tokio::test]
    async fn only_a_request_without_a_body_need_not_declare_it() {
        let headers = |kinds: &[&'static str]| {
            let kinds = kinds.iter().map(|kind| HeaderValue::from_static(kind));
            kinds.map(|kind| (header::CONTENT_TYPE, kind)).collect::<HeaderMap>()
        };
        let stream = |chunks: &'static [&'static str]| {
            let chunks = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(*chunk));
            Body::from_stream(futures_util::stream::iter(chunks))
        };
        assert!(refuse_undeclared(&headers(&[]), Body::empty()).await.is_ok());
        assert!(refuse_undeclared(&headers(&["text/plain"]), stream(&["", ""])).await.is_ok());
        assert!(refuse_undeclared(&headers(&["application/json"]), stream(&["{"])).await.is_ok());
        for kinds in [&[][..], &["text/plain"], &["application/json", "text/plain"]] {
            let refusal = refuse_undeclared(&headers(kinds), stream(&["", "{"])).await;
            assert_eq!(refusal.unwrap_err().kind, Kind::UnsupportedMediaType, "{kinds:?}");
        }
    }
}
