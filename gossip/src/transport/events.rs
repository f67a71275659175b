//! What the transport tells the core.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::inbox::Inbox;
use crate::lane::Lane;
use crate::link::{DialFailure, Direction, DisconnectReason, LinkId};
use crate::peer_id::PeerId;

/// News from the links.
///
/// For each link: one `Connected`, then frames, then one `Disconnected` and nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// Both sides have proven their keys and opened their lanes.
    ///
    /// The first frame each way on the consensus lane is the `Hello`; to the core a link is up
    /// once it has come. Two nodes that dial each other at the same time get two links, and the
    /// core ends one.
    Connected {
        /// Who is at the other end.
        peer: PeerId,
        /// The name of this connection.
        link: LinkId,
        /// Where the peer is seen. Of an inbound link the port may be a firewall's.
        address: SocketAddr,
        /// Who dialed.
        direction: Direction,
    },
    /// A complete frame, of 1 to [`Lane::frame_bytes_max`] bytes.
    Frame {
        /// Who sent it.
        peer: PeerId,
        /// On which connection.
        link: LinkId,
        /// On which lane; in order within it.
        lane: Lane,
        /// What it holds, not looked at.
        bytes: Bytes,
    },
    /// The link is gone.
    Disconnected {
        /// Who was at the other end.
        peer: PeerId,
        /// Which connection.
        link: LinkId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A dial did not become a link.
    DialFailed {
        /// The address that was dialed.
        address: SocketAddr,
        /// The peer that was expected there, if one was.
        peer: Option<PeerId>,
        /// Why.
        reason: DialFailure,
    },
}

/// The receiving end of the transport's news. Dropping it discards what comes later.
#[derive(Debug)]
pub struct TransportEvents {
    inbox: Arc<Inbox>,
}

impl TransportEvents {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// Waits for the next event: news of links and consensus frames first, then the other lanes by
    /// urgency, in turn by link. `None` once the transport is closed. Safe to cancel.
    pub async fn next(&mut self) -> Option<TransportEvent> {
        self.inbox.next().await
    }

    /// Takes the next event if one waits.
    pub fn try_next(&mut self) -> Option<TransportEvent> {
        self.inbox.try_next()
    }
}

impl Drop for TransportEvents {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}
