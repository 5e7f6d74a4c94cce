//! What is shown of a URL that may hold secrets.

/// What stands for a secret that is not shown.
pub const MASK: &str = "***";

/// A URL without what may be secret in it: its query, its fragment and its credentials are masked,
/// whatever they are. Of any other text, too, nothing after a `?` or before an `@` is left.
pub fn masked_url(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (place, rest) = url.split_at(end);
    // A URL's reader forgives one slash, or three, or backslashes.
    let scheme = place.find(':').map_or(0, |colon| colon + 1);
    let slashes = place[scheme..].find(|c| !matches!(c, '/' | '\\')).unwrap_or(0);
    let (scheme, place) = place.split_at(scheme + slashes);
    let authority = place.find(['/', '\\']).unwrap_or(place.len());
    let mut masked = match place[..authority].rfind('@') {
        Some(at) => format!("{scheme}{MASK}{}", &place[at..]),
        None => format!("{scheme}{place}"),
    };
    if let Some(first) = rest.chars().next() {
        masked.push(first);
        masked.push_str(MASK);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::masked_url;

    #[test]
    fn a_query_a_fragment_and_credentials_are_masked() {
        let cases = [
            ("http://host:1/path", "http://host:1/path"),
            ("http://host/path?a=b&c", "http://host/path?***"),
            ("http://host?", "http://host?***"),
            ("http://host/#top", "http://host/#***"),
            ("http://host/p?q#f", "http://host/p?***"),
            ("https://user:pa@ss@host/p@th", "https://***@host/p@th"),
            ("https:user:pass@host/p", "https:***@host/p"),
            (r"http:/\user:pass@host\p", r"http:/\***@host\p"),
            ("user:pass@host", "user:***@host"),
            ("", ""),
            ("://", "://"),
            ("?", "?***"),
        ];
        for (url, shown) in cases {
            assert_eq!(masked_url(url), shown);
        }
    }
}
