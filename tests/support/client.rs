//! An HTTP client for tests: loopback only, so without proxies and without the machine's certificates.

use std::time::Duration;

/// A client whose requests may take up to two minutes (a long poll takes one).
pub fn client() -> reqwest::Client {
    // The first caller of the process installs it; for later ones it is already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_mins(2))
        .build()
        .expect("a provider is installed and no certificate has to be found")
}
