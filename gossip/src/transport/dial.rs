//! Dials: from an address to a link, or to one reason from a fixed list.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{ClientConfig, Connection, NoneTokenStore};
use rustls::pki_types::CertificateDer;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::close::dial_failure;
use super::identity::peer_of_spki;
use super::lanes::{Lanes, exchange_lanes};
use super::shared::{ReadyLink, Shared};
use super::tls::SERVER_NAME;
use super::verifier::VerdictSlot;
use crate::link::{DialFailure, Direction};
use crate::peer_id::PeerId;

/// Dials `address` and reports how it ended.
pub(super) async fn run_dial(
    shared: Arc<Shared>,
    address: SocketAddr,
    expected: Option<PeerId>,
    slot: OwnedSemaphorePermit,
) {
    let attempt = timeout(shared.timeouts.dial, attempt(&shared, address, expected)).await;
    match attempt.unwrap_or(Err(DialFailure::TimedOut)) {
        Ok((connection, lanes, peer)) => shared.start_link(ReadyLink {
            connection,
            lanes,
            peer,
            address,
            direction: Direction::Outbound,
            slot,
            pass: None,
        }),
        Err(reason) => {
            tracing::debug!(%address, %reason, "dial failed");
            shared.inbox.dial_failed(address, expected, reason, slot);
        }
    }
}

async fn attempt(
    shared: &Shared,
    address: SocketAddr,
    expected: Option<PeerId>,
) -> Result<(Connection, Lanes, PeerId), DialFailure> {
    let verdict = VerdictSlot::default();
    let mut config = ClientConfig::new(Arc::new(shared.tls.client(expected, verdict.clone())));
    config.transport_config(shared.quic.clone());
    // Tokens are kept by server name too, and would link our visits to different peers.
    config.token_store(Arc::new(NoneTokenStore));
    let connecting = shared
        .endpoint
        .connect_with(config, address, SERVER_NAME)
        .map_err(|_| DialFailure::Unreachable)?;
    let connection = connecting.await.map_err(|error| {
        // What our own verifier found says more than the error that came of it.
        verdict
            .get()
            .cloned()
            .unwrap_or_else(|| dial_failure(&error))
    })?;
    let peer = peer_of(&connection).ok_or(DialFailure::BadKey)?;
    let lanes = exchange_lanes(&connection).await?;
    Ok((connection, lanes, peer))
}

/// Returns whose key was proven on a connection.
pub(super) fn peer_of(connection: &Connection) -> Option<PeerId> {
    let identity = connection.peer_identity()?;
    let keys = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    peer_of_spki(keys.first()?)
}
