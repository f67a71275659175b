//! The neighbours, as they are shown.

use serde::Serialize;
use starling_gossip::link::Direction;
use starling_gossip::overlay::{FailedPeer, PeerStatus};
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
    /// By how many milliseconds its clock is ahead of this node's, once it told its time.
    pub clock_ahead_ms: Option<i64>,
    /// Bytes of frames received from it.
    pub bytes_in: u64,
    /// Bytes of frames sent to it.
    pub bytes_out: u64,
}

/// The answer to `peers_failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedPeersReply {
    /// What was tried.
    pub failed: Vec<FailedPeerReply>,
}

/// Something that was tried to get a neighbour, and led to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedPeerReply {
    /// The address or the name, each with its port; `from ADDRESS` of a peer that dialed.
    pub target: String,
    /// The peer id believed to be there, hex.
    pub id: Option<String>,
    /// `unreachable`, `timed_out`, `another_node`, `refused`, `other_network`, `closed`,
    /// `no_such_name` or `failed`.
    pub code: &'static str,
    /// Why, in words.
    pub reason: String,
    /// Failures in a row.
    pub failures: u32,
    /// How long ago the last was.
    pub ago_ms: u64,
}

impl FailedPeerReply {
    /// Describes what failed, at the moment `now`.
    pub fn new(failed: &FailedPeer, now: Instant) -> Self {
        Self {
            target: failed.target.clone(),
            id: failed.peer.map(|peer| peer.to_string()),
            code: failed.failure.word(),
            reason: failed.failure.to_string(),
            failures: failed.failures,
            ago_ms: saturate(now.since(failed.at).as_millis()),
        }
    }
}

impl PeerReply {
    /// Describes `peer` at the moment `now`.
    pub fn new((peer, clock_ahead_ms): (&PeerStatus, Option<i64>), now: Instant) -> Self {
        Self {
            id: peer.peer.to_string(),
            address: peer.address.to_string(),
            direction: direction(peer.direction),
            height: peer.height,
            connected_ms: saturate(now.since(peer.since).as_millis()),
            rtt_us: peer.srtt.map(|srtt| saturate(srtt.as_micros())),
            clock_ahead_ms,
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
