//! What people are shown of peers.

use std::net::SocketAddr;
use std::time::Duration;

use starling_ledger::vote::Height;

use super::failure::Failure;
use crate::link::{Direction, LinkId};
use crate::peer_id::PeerId;
use crate::time::Instant;

/// One peer that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who.
    pub peer: PeerId,
    /// On which link.
    pub link: LinkId,
    /// Where it is seen.
    pub address: SocketAddr,
    /// Who dialed.
    pub direction: Direction,
    /// Since when the link is connected.
    pub since: Instant,
    /// The height it claims.
    pub height: Height,
    /// The smoothed round trip of pings, once one was answered.
    pub srtt: Option<Duration>,
    /// Bytes of frames received.
    pub bytes_in: u64,
    /// Bytes of frames sent.
    pub bytes_out: u64,
}

/// Something that was tried to get a neighbour, and led to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPeer {
    /// The address or the name; `from ADDRESS` of a peer that dialed us.
    pub target: String,
    /// Who is believed to live there.
    pub peer: Option<PeerId>,
    /// Failures in a row.
    pub failures: u32,
    /// When the last was.
    pub at: Instant,
    /// Why it failed.
    pub failure: Failure,
}
