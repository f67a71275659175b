//! A node's key as TLS sees it: a raw public key instead of a certificate (RFC 7250).
//!
//! What is sent in place of a certificate is the key's SubjectPublicKeyInfo, always the same twelve
//! bytes and the key. They are compared exactly, so that no DER parser meets a stranger's bytes.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey as TlsSigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use crate::peer_id::{PEER_ID_BYTES, PeerId};

/// SEQUENCE { SEQUENCE { OID 1.3.101.112 (ed25519) }, BIT STRING of 33 bytes }, RFC 8410 section 4.
pub(super) const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Returns the peer whose key this SubjectPublicKeyInfo holds; `None` if it is anything else than
/// the exact encoding of a usable ed25519 key.
pub(super) fn peer_of_spki(spki: &[u8]) -> Option<PeerId> {
    let bytes: [u8; PEER_ID_BYTES] = spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()?;
    let peer = PeerId(bytes);
    peer.key().ok().map(|_| peer)
}

/// Wraps a node's key for rustls, which signs every handshake with it.
pub(super) fn certified_key(key: SigningKey) -> Arc<CertifiedKey> {
    let spki = [&SPKI_PREFIX[..], key.verifying_key().as_bytes()].concat();
    let key = Arc::new(NodeKey(Arc::new(key)));
    Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], key))
}

/// Signs by ed25519-dalek, which zeroes the secret when it is dropped; so the secret is never
/// encoded or copied for TLS.
#[derive(Clone)]
struct NodeKey(Arc<SigningKey>);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey")
    }
}

impl TlsSigningKey for NodeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ED25519)
            .then(|| Box::new(self.clone()) as Box<_>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for NodeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_own_encoding_only() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let peer = PeerId::from(&key.verifying_key());
        let spki = certified_key(key).cert[0].to_vec();
        assert_eq!(peer_of_spki(&spki), Some(peer));
        assert_eq!(peer_of_spki(&spki[..43]), None, "truncated");
        assert_eq!(
            peer_of_spki(&[&spki[..], &[0]].concat()),
            None,
            "trailing byte"
        );
        let mut x25519 = spki.clone();
        x25519[8] = 0x6e;
        assert_eq!(peer_of_spki(&x25519), None, "another algorithm");
    }

    #[test]
    fn refuses_a_key_of_small_order() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(peer_of_spki(&[&SPKI_PREFIX[..], &identity].concat()), None);
    }
}
