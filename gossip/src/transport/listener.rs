//! Accepts what others dial: the gate first, then the handshake, then a free slot.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{Connecting, Incoming};
use tokio::time::timeout;

use super::close::CLOSE_BUSY;
use super::dial::peer_of;
use super::gate::{GatePass, Judgement};
use super::lanes::exchange_lanes;
use super::shared::{ReadyLink, Shared};
use crate::link::Direction;

/// Accepts connections until the endpoint is closed.
pub(super) async fn listen(shared: Arc<Shared>) {
    while let Some(incoming) = shared.endpoint.accept().await {
        admit(&shared, incoming);
    }
}

fn admit(shared: &Arc<Shared>, incoming: Incoming) {
    let address = canonical(incoming.remote_address());
    if shared.inbound_slots.available_permits() == 0 {
        shared.counters.turned_away.add(1);
        return incoming.refuse();
    }
    match shared
        .gate
        .judge(address.ip(), incoming.remote_address_validated())
    {
        Judgement::Ignore => {
            shared.counters.turned_away.add(1);
            incoming.ignore();
        }
        Judgement::ProveAddress => {
            shared.counters.proofs_asked.add(1);
            // It fails only for an address that is proven, which is never asked.
            let _ = incoming.retry();
        }
        Judgement::Admit(pass) => match incoming.accept() {
            Ok(connecting) => {
                let welcome = welcome(shared.clone(), connecting, address, pass);
                shared.tasks.spawn(welcome);
            }
            Err(_) => shared.counters.handshakes_failed.add(1),
        },
    }
}

async fn welcome(shared: Arc<Shared>, connecting: Connecting, address: SocketAddr, pass: GatePass) {
    let handshake = timeout(
        shared.timeouts.handshake,
        shake(&shared, connecting, address, pass),
    );
    match handshake.await {
        Ok(Some(ready)) => shared.start_link(ready),
        Ok(None) | Err(_) => {
            tracing::debug!(%address, "an incoming handshake failed");
            shared.counters.handshakes_failed.add(1);
        }
    }
}

async fn shake(
    shared: &Shared,
    connecting: Connecting,
    address: SocketAddr,
    mut pass: GatePass,
) -> Option<ReadyLink> {
    let connection = connecting.await.ok()?;
    let peer = peer_of(&connection)?;
    let Ok(slot) = shared.inbound_slots.clone().try_acquire_owned() else {
        connection.close(CLOSE_BUSY, b"no free link");
        return None;
    };
    let lanes = exchange_lanes(&connection).await.ok()?;
    pass.established();
    let direction = Direction::Inbound;
    Some(ReadyLink {
        connection,
        lanes,
        peer,
        address,
        direction,
        slot,
        pass: Some(pass),
    })
}

/// Shows an IPv4 address as such, also where the socket is an IPv6 one.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
