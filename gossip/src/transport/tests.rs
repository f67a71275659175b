//! The transport over real sockets on loopback: whole nodes, and a raw peer that breaks rules.
//!
//! Nothing is measured by the clock; [`within`] only turns a hang into a failure.

mod dials;
mod endings;
mod faults;
mod frames;
mod pressure;
mod raw_peer;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use tokio::time::{sleep, timeout};

use super::*;
use crate::link::Direction;

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A transport and its events.
struct Node {
    transport: Transport,
    events: TransportEvents,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn id(seed: u8) -> PeerId {
    PeerId::from(&key(seed).verifying_key())
}

fn node(seed: u8) -> Node {
    node_with(seed, |_| {})
}

fn node_with(seed: u8, adjust: impl FnOnce(&mut TransportConfig)) -> Node {
    let mut config = TransportConfig::new(key(seed), LOOPBACK.into());
    adjust(&mut config);
    let (transport, events) = Transport::bind(config).expect("loopback has a free port");
    Node { transport, events }
}

/// Fails the test if `future` takes for ever.
async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future)
        .await
        .expect("it hangs")
}

/// Waits until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

impl Node {
    async fn event(&mut self) -> TransportEvent {
        within(self.events.next())
            .await
            .expect("the transport is open")
    }

    async fn connected(&mut self) -> (PeerId, LinkId, Direction) {
        match self.event().await {
            TransportEvent::Connected {
                peer,
                link,
                direction,
                ..
            } => (peer, link, direction),
            other => panic!("expected a link: {other:?}"),
        }
    }

    async fn frame(&mut self) -> (LinkId, Lane, Bytes) {
        match self.event().await {
            TransportEvent::Frame {
                link, lane, bytes, ..
            } => (link, lane, bytes),
            other => panic!("expected a frame: {other:?}"),
        }
    }

    async fn disconnected(&mut self) -> DisconnectReason {
        match self.event().await {
            TransportEvent::Disconnected { reason, .. } => reason,
            other => panic!("expected the end of a link: {other:?}"),
        }
    }

    /// Dials and waits for the reason why it failed.
    async fn dial_failure(&mut self, to: SocketAddr, expected: Option<PeerId>) -> DialFailure {
        self.transport.dial(to, expected).expect("a link is free");
        match self.event().await {
            TransportEvent::DialFailed {
                address,
                peer,
                reason,
            } => {
                assert_eq!((address, peer), (to, expected));
                reason
            }
            other => panic!("expected a failed dial: {other:?}"),
        }
    }
}

/// Connects `a` to `b` and returns the link's names at both.
async fn connect(a: &mut Node, b: &mut Node) -> (LinkId, LinkId) {
    a.transport
        .dial(b.transport.address(), Some(b.transport.id()))
        .expect("a link is free");
    let (peer, at_a, direction) = a.connected().await;
    assert_eq!((peer, direction), (b.transport.id(), Direction::Outbound));
    let (peer, at_b, direction) = b.connected().await;
    assert_eq!((peer, direction), (a.transport.id(), Direction::Inbound));
    (at_a, at_b)
}

impl Transport {
    /// Free places for inbound and outbound links.
    fn free_slots(&self) -> (usize, usize) {
        let shared = &self.shared;
        (
            shared.inbound_slots.available_permits(),
            shared.outbound_slots.available_permits(),
        )
    }
}
