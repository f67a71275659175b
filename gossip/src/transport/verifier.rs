//! Judges the other side's key inside the handshake, for dialing and accepting alike.
//!
//! rustls puts the text of a refusal into what the peer is sent, so all refusals look alike from
//! outside; what was really wrong is left in a [`VerdictSlot`] for the dialer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};

use super::admission::Admission;
use super::identity::peer_of_spki;
use crate::link::DialFailure;
use crate::peer_id::PeerId;

/// Where a verifier leaves what it found wrong, for this side only.
pub(super) type VerdictSlot = Arc<OnceLock<DialFailure>>;

/// The judge of one side's key.
pub(super) struct KeyVerifier {
    pub(super) me: PeerId,
    /// The peer that was dialed; `None` when accepting, or when an address is all we have.
    pub(super) expected: Option<PeerId>,
    pub(super) admission: Arc<Admission>,
    pub(super) verdict: VerdictSlot,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl KeyVerifier {
    fn judge(&self, spki: &[u8], chain: &[CertificateDer<'_>]) -> Result<(), DialFailure> {
        let found = peer_of_spki(spki)
            .filter(|_| chain.is_empty())
            .ok_or(DialFailure::BadKey)?;
        if found == self.me {
            return Err(DialFailure::SelfDial);
        }
        match self.expected {
            Some(expected) if expected != found => Err(DialFailure::WrongKey { expected, found }),
            _ if !self.admission.admits(&found) => Err(DialFailure::NotAdmitted),
            _ => Ok(()),
        }
    }

    fn check(&self, spki: &[u8], chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        self.judge(spki, chain).map_err(|failure| {
            // A verifier serves one dial; on the accepting side nobody reads the slot.
            let _ = self.verdict.set(failure);
            CertificateError::ApplicationVerificationFailure.into()
        })
    }

    fn check_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(spki.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }
}

impl fmt::Debug for KeyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyVerifier")
    }
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for KeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
