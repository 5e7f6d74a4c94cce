//! HTTP clients for tests: loopback only, so without proxies and without the machine's certificates.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

/// A client whose requests may take up to two minutes (a long poll takes one). Bodies are JSON
/// where a request does not say otherwise.
pub fn client() -> reqwest::Client {
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    client_with(HeaderMap::from_iter([json]))
}

/// The same, which says nothing that a request does not say.
pub fn silent_client() -> reqwest::Client {
    client_with(HeaderMap::new())
}

fn client_with(headers: HeaderMap) -> reqwest::Client {
    // The first caller of the process installs it; for later ones it is already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .default_headers(headers)
        .tls_certs_only([])
        .timeout(Duration::from_mins(2))
        .build()
        .expect("a provider is installed and no certificate has to be found")
}
