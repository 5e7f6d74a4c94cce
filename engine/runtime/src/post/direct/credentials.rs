//! What shows that the other end of a line is a node of the same database: one key pair for all of them,
//! made of a secret that the store keeps.
//!
//! Both ends show the bare public key (RFC 7250), which says nothing to a stranger, and sign with the private
//! one. There are no certificates, so nothing runs out, and no sessions to resume, so nothing is kept of a
//! line that has ended.

use std::sync::Arc;

use aes_gcm_siv::Aes256GcmSiv;
use aes_gcm_siv::aead::{KeyInit, OsRng};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use store::Store;

/// What the secret is called in the store.
const SECRET: &str = "lines between nodes";
/// The protocol and its number: nodes that do not say the same have no line.
pub(super) const PROTOCOL: &[u8] = b"statewright-node/1";
/// What stands before the 32 bytes of a private key of Ed25519 in its document (RFC 8410).
const BEFORE_KEY: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const KEY_BYTES: usize = 32;
/// Why this cannot fail: what the key, the versions and the provider are is decided here.
const SOUND: &str = "a key of Ed25519 is 32 bytes, and the provider knows it and TLS 1.3";

/// How a node listens and how it asks.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Credentials {
    /// Those of the nodes of this database; the first node makes their secret.
    pub(super) async fn of(store: &Store) -> Result<Self, store::Error> {
        let fresh = Aes256GcmSiv::generate_key(OsRng);
        let secret = store.secret(SECRET, &fresh).await?;
        let secret = secret.try_into().expect("the secret is as long as the fresh one was");
        Ok(Self::new(&secret, PROTOCOL))
    }

    pub(super) fn new(secret: &[u8; KEY_BYTES], protocol: &[u8]) -> Self {
        let provider = Arc::new(ring::default_provider());
        let document = PrivatePkcs8KeyDer::from([&BEFORE_KEY[..], secret].concat());
        let private = provider.key_provider.load_private_key(PrivateKeyDer::Pkcs8(document));
        let private = private.expect(SOUND);
        let public = CertificateDer::from(private.public_key().expect(SOUND).as_ref().to_vec());
        let key = Arc::new(CertifiedKey::new(vec![public.clone()], private));
        let same = Arc::new(SameKey { public, provider: provider.clone() });

        let server = ServerConfig::builder_with_provider(provider.clone());
        let server = server.with_protocol_versions(&[&TLS13]).expect(SOUND);
        let mut server = server
            .with_client_cert_verifier(same.clone())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.clone())));
        server.alpn_protocols = vec![protocol.to_vec()];
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});

        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_protocol_versions(&[&TLS13]).expect(SOUND).dangerous();
        let mut client = client
            .with_custom_certificate_verifier(same)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)));
        client.alpn_protocols = vec![protocol.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Self { server: Arc::new(server), client: Arc::new(client) }
    }
}

/// Takes one key only, its own, and signatures made with it.
#[derive(Debug)]
struct SameKey {
    public: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl SameKey {
    fn is_ours(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let is_ours = shown == &self.public;
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if is_ours { Ok(()) } else { Err(unknown) }
    }

    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.is_ours(key)?;
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signed, known)
    }

    fn too_old() -> Error {
        Error::General("lines between nodes are TLS 1.3".to_owned())
    }
}

impl ServerCertVerifier for SameKey {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.is_ours(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Self::too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for SameKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.is_ours(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Self::too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
