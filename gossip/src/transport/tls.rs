//! TLS 1.3 as the links use it: both sides prove a raw ed25519 key, and every connection anew.
//!
//! There is no resumption and no early data: a ticket would let a connection skip the check of the
//! key, and rustls keeps tickets by server name, which is the same for all peers.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;

use super::admission::Admission;
use super::identity::certified_key;
use super::verifier::{KeyVerifier, VerdictSlot};
use crate::peer_id::PeerId;

/// Names the protocol and its major version inside the handshake.
pub const ALPN: &[u8] = b"starling/1";

/// rustls wants a server name to dial; ours is never sent and means nothing (RFC 2606).
pub(super) const SERVER_NAME: &str = "starling.invalid";

/// Makes the TLS side of dials and of the listener.
pub(super) struct Tls {
    pub(super) me: PeerId,
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) alpn: Vec<u8>,
    provider: Arc<CryptoProvider>,
    admission: Arc<Admission>,
}

impl Tls {
    /// Takes the node's key.
    pub(super) fn new(key: SigningKey, admission: Arc<Admission>) -> Self {
        let me = PeerId::from(&key.verifying_key());
        let certified = certified_key(key);
        Self {
            me,
            certified,
            alpn: ALPN.to_vec(),
            provider: provider(),
            admission,
        }
    }

    /// Makes the listener's side.
    pub(super) fn server(&self) -> QuicServerConfig {
        let verifier = self.verifier(None, VerdictSlot::default());
        let resolver = AlwaysResolvesServerRawPublicKeys::new(self.certified.clone());
        let mut config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has cipher suites of TLS 1.3")
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![self.alpn.clone()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        QuicServerConfig::try_from(config).expect("the provider has the suite of initial packets")
    }

    /// Makes the side of one dial, which leaves in `verdict` what it finds wrong.
    pub(super) fn client(
        &self,
        expected: Option<PeerId>,
        verdict: VerdictSlot,
    ) -> QuicClientConfig {
        let verifier = self.verifier(expected, verdict);
        let resolver = AlwaysResolvesClientRawPublicKeys::new(self.certified.clone());
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has cipher suites of TLS 1.3")
            .dangerous() // rustls' word for any judge but its own of X.509 chains
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![self.alpn.clone()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        QuicClientConfig::try_from(config).expect("the provider has the suite of initial packets")
    }

    fn verifier(&self, expected: Option<PeerId>, verdict: VerdictSlot) -> KeyVerifier {
        KeyVerifier {
            me: self.me,
            expected,
            admission: self.admission.clone(),
            verdict,
            algorithms: self.provider.signature_verification_algorithms,
        }
    }
}

/// ring with the suites of TLS 1.3 and X25519 only. AES-128-GCM stays among them: QUIC's first
/// packets are protected by it whatever is agreed later.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    provider.kx_groups = vec![ring::kx_group::X25519];
    Arc::new(provider)
}
