//! A port that speaks TLS: both versions of HTTP, certificates that change, and who is not let in.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use rcgen::{KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Version};
use tests::database::{Database, SEALING_KEY};
use tests::server::{Server, free_address, server_path};
use uuid::Uuid;

use super::{blocking, dial, get, hear_all, options, say, until};

/// Files of a certificate and its key, gone when dropped.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("statewright-tls-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a new pair; the certificate.
    fn renew(&self) -> String {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    }

    fn flags(&self) -> [String; 4] {
        [
            "--tls-certificate".into(),
            self.path("cert.pem"),
            "--tls-key".into(),
            self.path("key.pem"),
        ]
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client that trusts this certificate only.
fn client(certificate: &str, http1: bool) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = Certificate::from_pem(certificate.as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]);
    if http1 { builder.http1_only() } else { builder }.build().unwrap()
}

/// A server whose port speaks TLS, and its URL, once it is ready.
async fn secured(files: &Files, certificate: &str, flags: &[&str]) -> (Database, Server, String) {
    let database = Database::private().await;
    let (url, own) = (database.url.clone(), files.flags());
    let flags: Vec<&str> = flags.iter().copied().chain(own.iter().map(String::as_str)).collect();
    let flags = options(&flags);
    let server =
        blocking(move || Server::spawn(&url, free_address().unwrap(), &flags).unwrap()).await;
    let url = format!("https://localhost:{}", server.address().port());
    until("it is ready", async || {
        let ready = client(certificate, true).get(format!("{url}/readyz")).send().await;
        ready.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    (database, server, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_spoken_and_nothing_without_tls() {
    let files = Files::new();
    let certificate = files.renew();
    let quick = ["--connections-header-seconds", "1"];
    let (_database, server, url) = secured(&files, &certificate, &quick).await;
    assert!(server.log().contains("serving on https://"), "{}", server.log());
    for (http1, version) in [(true, Version::HTTP_11), (false, Version::HTTP_2)] {
        let answer =
            client(&certificate, http1).get(format!("{url}/healthz")).send().await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (version, 200));
    }
    let mut plain = dial(server.address()).await;
    say(&mut plain, get("/healthz")).await;
    assert!(!hear_all(&mut plain).await.contains("HTTP/1.1"));
    // A handshake that is begun and not gone on with has the time of a head.
    let mut half = dial(server.address()).await;
    say(&mut half, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await;
    hear_all(&mut half).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_and_connections_stay() {
    let files = Files::new();
    let first = files.renew();
    let (_database, server, url) = secured(&files, &first, &[]).await;
    let health = format!("{url}/healthz");
    let early = client(&first, false);
    early.get(&health).send().await.unwrap();

    let second = files.renew();
    until("new connections get the new one", async || {
        client(&second, true).get(&health).send().await.is_ok()
    })
    .await;
    assert!(client(&first, true).get(&health).send().await.is_err(), "the old one is gone");
    // A connection that is there goes on: its client would not accept another.
    assert!(early.get(&health).send().await.unwrap().status().is_success());

    let stranger = KeyPair::generate().unwrap().serialize_pem();
    fs::write(files.path("key.pem"), stranger).unwrap();
    until("a pair that does not fit is told", async || {
        server.log().contains("does not belong to the first certificate")
    })
    .await;
    assert!(client(&second, true).get(&health).send().await.is_ok(), "the one before is kept");
    let third = files.renew();
    until("what fits again is taken", async || {
        client(&third, true).get(&health).send().await.is_ok()
    })
    .await;
    let log = server.log();
    assert_eq!(log.matches("does not belong to the first certificate").count(), 1, "{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_pair_are_told_at_the_start() {
    let files = Files::new();
    files.renew();
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    fs::write(files.path("key.pem"), stranger).unwrap();
    let database = Database::private().await;
    let output = blocking(move || {
        std::process::Command::new(server_path().unwrap())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(files.flags())
            .env("DATABASE_URL", &database.url)
            .env("STATEWRIGHT_SEALING_KEY", SEALING_KEY)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    })
    .await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`tls` cannot be used") && said.contains("does not belong to"), "{said}");
}
