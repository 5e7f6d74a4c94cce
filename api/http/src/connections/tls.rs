//! TLS on the port: a certificate and its key from two files, read again when they change.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Chains of certificates and keys are a few thousand bytes.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// Two files that make a port speak TLS.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    /// What the files held when they were read last, whether it was of use or not.
    seen: Pair,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// Why two files do not make a port speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read `{0}`: {1}")]
    Unreadable(PathBuf, io::Error),
    #[error("`{0}` is longer than {MOST_FILE_BYTES} bytes, which is no certificate and no key")]
    TooLong(PathBuf),
    #[error("`{0}` holds no certificate, expected a chain in PEM, the server's own first")]
    NoCertificate(PathBuf),
    #[error(
        "`{0}` holds no private key, expected one in PEM without a passphrase (PKCS#8, PKCS#1 or \
         SEC1)"
    )]
    NoKey(PathBuf),
    #[error("the key in `{1}` does not belong to the first certificate in `{0}`")]
    Strangers(PathBuf, PathBuf),
    #[error("`{0}` and `{1}` cannot be used: {2}")]
    Unusable(PathBuf, PathBuf, rustls::Error),
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What two files hold. It is a secret: no derive shows it.
#[derive(Clone, Eq, PartialEq)]
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// Reads both files: the certificate's chain and its key, in PEM.
    ///
    /// # Errors
    /// One of them cannot be read, is not what it should be, or they do not belong together.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let files = Files { certificate, key };
        let provider = Arc::new(ring::default_provider());
        let seen = files.read()?;
        let current = Arc::new(Current(RwLock::new(files.understand(&seen, &provider)?)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, seen, current, config: Arc::new(config) })
    }

    /// What makes a connection speak TLS.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// Takes what the files hold when that changes, until the stop. New connections get the new
    /// certificate, those that are there keep theirs. What is of no use changes nothing, and is
    /// told about once, and not before it has been there for two looks: the files may be written
    /// one after the other.
    pub(super) async fn keep_current(mut self, stop: CancellationToken) {
        let mut complaint: Option<(String, bool)> = None;
        while tokio::time::timeout(LOOK, stop.cancelled()).await.is_err() {
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            let Ok(read) = read else { continue };
            let taken = match read {
                Ok(pair) if pair == self.seen => {
                    complaint = None;
                    continue;
                }
                Ok(pair) => self.take(pair),
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => {
                    complaint = None;
                    tracing::info!(
                        "new connections get the certificate that `{}` holds now",
                        self.files.certificate.display()
                    );
                }
                Err(error) => complaint = Some(complain(&error, complaint)),
            }
        }
    }

    fn take(&mut self, pair: Pair) -> Result<(), TlsError> {
        let fresh = self.files.understand(&pair, self.config.crypto_provider())?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.seen = pair;
        Ok(())
    }
}

/// Logs what is wrong once, when it is found for the second time.
fn complain(error: &TlsError, before: Option<(String, bool)>) -> (String, bool) {
    let text = error.to_string();
    match before {
        Some((same, told)) if same == text => {
            if !told {
                tracing::error!("{text}; the certificate that was there before is kept");
            }
            (text, true)
        }
        Some(_) | None => (text, false),
    }
}

impl Files {
    /// Both files, one right after the other.
    fn read(&self) -> Result<Pair, TlsError> {
        Ok(Pair { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    fn understand(
        &self,
        pair: &Pair,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<CertifiedKey>, TlsError> {
        let Self { certificate, key } = self.clone();
        let chain = CertificateDer::pem_slice_iter(&pair.certificate)
            .collect::<Result<Vec<_>, _>>()
            .unwrap_or_default();
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate));
        }
        let Ok(private) = PrivateKeyDer::from_pem_slice(&pair.key) else {
            return Err(TlsError::NoKey(key));
        };
        match CertifiedKey::from_der(chain, private, provider) {
            Ok(fits) => Ok(Arc::new(fits)),
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Strangers(certificate, key)),
            Err(error) => Err(TlsError::Unusable(certificate, key, error)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(TlsError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with a certificate and a key, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path =
                std::env::temp_dir().join(format!("statewright-tls-{}", uuid::Uuid::new_v4()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            fs::write(self.0.join(name), text).unwrap();
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn files_that_are_no_pair_are_refused_with_the_reason() {
        let folder = Folder::new();
        let ((certificate, key), (_, other)) = (pair(), pair());
        let load = |certificate: &str, key: &str| {
            let error = Tls::load(folder.file("c.pem", certificate), folder.file("k.pem", key));
            let error = error.map(|_| "none").unwrap_err().to_string();
            error.replace(&format!("{}/", folder.0.display()), "")
        };
        assert_eq!(
            load(&certificate, &other),
            "the key in `k.pem` does not belong to the first certificate in `c.pem`"
        );
        assert_eq!(
            load(&key, &key),
            "`c.pem` holds no certificate, expected a chain in PEM, the server's own first"
        );
        assert!(load(&certificate, &certificate).starts_with("`k.pem` holds no private key"));
        let half = &certificate[..certificate.len() / 2];
        assert!(load(half, &key).starts_with("`c.pem` holds no certificate"));
        let absent = Tls::load(folder.0.join("none.pem"), folder.file("k.pem", &key));
        assert!(absent.unwrap_err().to_string().contains("none.pem`: No such file"));
    }

    #[test]
    fn neither_key_nor_certificate_is_shown() {
        let folder = Folder::new();
        let (certificate, key) = pair();
        let tls = Tls::load(folder.file("c.pem", &certificate), folder.file("k.pem", &key));
        let shown = format!("{:?}", tls.unwrap().seen);
        assert_eq!(shown, "Pair { .. }");
    }
}
