//! The neighbours, as they are shown.

use serde::Serialize;
use starling_gossip::link::Direction;
use starling_gossip::overlay::PeerStatus;
use starling_gossip::time::Instant;

/// The answer to `peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeersReply {
    /// The neighbours.
    pub peers: Vec<PeerReply>,
}

/// One neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerReply {
    /// Its peer id, hex.
    pub id: String,
    /// Where it is seen.
    pub address: String,
    /// `inbound` if it dialed, else `outbound`.
    pub direction: &'static str,
    /// The height it claims.
    pub height: u64,
    /// For how long it has been connected.
    pub connected_ms: u64,
    /// Smoothed round trip in microseconds, once one was measured.
    pub rtt_us: Option<u64>,
    /// Bytes of frames received from it.
    pub bytes_in: u64,
    /// Bytes of frames sent to it.
    pub bytes_out: u64,
}

impl PeerReply {
    /// Describes `peer` at the moment `now`.
    pub fn new(peer: &PeerStatus, now: Instant) -> Self {
        Self {
            id: peer.peer.to_string(),
            address: peer.address.to_string(),
            direction: direction(peer.direction),
            height: peer.height,
            connected_ms: saturate(now.since(peer.since).as_millis()),
            rtt_us: peer.srtt.map(|srtt| saturate(srtt.as_micros())),
            bytes_in: peer.bytes_in,
            bytes_out: peer.bytes_out,
        }
    }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

fn saturate(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
