//! What the core is told about links: their names, how they begin, fail and end.
//!
//! The types are pure, so that the simulator reports the same facts as the QUIC transport.

use std::fmt;

use thiserror::Error;

use crate::lane::Lane;
use crate::peer_id::PeerId;

/// Names one connection of this process; never used twice, so that an event of an old connection
/// to a peer is told apart from one of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// Who dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The peer dialed us.
    Inbound,
    /// We dialed the peer.
    Outbound,
}

/// Why a dial did not become a link. Every dial ends in a link or in one of these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialFailure {
    /// The address cannot be reached from our socket: port 0, or the other address family.
    #[error("the address cannot be reached from this node")]
    Unreachable,
    /// Nobody answered in time: wrong address, firewall, or the node is down.
    #[error("nobody answered in time")]
    TimedOut,
    /// Somebody else lives at that address.
    #[error("another node answered: expected {}…, found {}…", expected.short(), found.short())]
    WrongKey {
        /// The id that was dialed.
        expected: PeerId,
        /// The id that answered.
        found: PeerId,
    },
    /// The address is our own.
    #[error("the address is this node's own")]
    SelfDial,
    /// Our own lists do not admit the peer.
    #[error("this node's own lists do not admit that peer")]
    NotAdmitted,
    /// The peer's lists do not admit us.
    #[error("the peer does not admit this node")]
    Refused,
    /// The peer has no free link.
    #[error("the peer has no free link at the moment")]
    Busy,
    /// The other side offers a key that is not a usable ed25519 key.
    #[error("the other side offers no usable ed25519 key")]
    BadKey,
    /// The other side speaks QUIC, but not `starling/1`.
    #[error("the other side speaks another protocol")]
    WrongProtocol,
    /// The other side broke the rules of the handshake or hung up in the middle of it.
    #[error("the other side broke off the handshake")]
    Protocol,
    /// We have as many outbound links and dials as our limits allow.
    #[error("this node has as many outbound links as its limits allow")]
    NoFreeLink,
    /// We are shutting down.
    #[error("this node is shutting down")]
    ShuttingDown,
}

/// How a peer broke the rules of the link; the core turns it into a penalty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkFault {
    /// A frame announces more bytes than its lane allows.
    #[error("a frame of {bytes} bytes is above the limit of the {lane} lane")]
    FrameTooLarge {
        /// Where it came.
        lane: Lane,
        /// What the header says.
        bytes: u64,
    },
    /// A frame of no bytes, which could say nothing.
    #[error("an empty frame on the {lane} lane")]
    EmptyFrame {
        /// Where it came.
        lane: Lane,
    },
    /// A lane ended or was reset inside a frame.
    #[error("the {lane} lane ended inside a frame")]
    TruncatedFrame {
        /// Where it came.
        lane: Lane,
    },
    /// A frame was begun and not completed in time.
    #[error("a frame on the {lane} lane was not completed in time")]
    StalledFrame {
        /// Where it came.
        lane: Lane,
    },
    /// A lane ended between two frames although the link did not.
    #[error("the {lane} lane ended before the link")]
    LaneEnded {
        /// Which lane.
        lane: Lane,
    },
    /// The peer did not take what was written in time.
    #[error("the peer does not read the {lane} lane")]
    NotReading {
        /// Which lane.
        lane: Lane,
    },
    /// The peer broke a rule of QUIC itself.
    #[error("the peer broke the rules of QUIC")]
    Quic,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// We ended it, with this text.
    #[error("closed by this node: {text}")]
    Local {
        /// What the peer was told.
        text: String,
    },
    /// The peer ended it. The text is the peer's own: printable ASCII, cut to 120 bytes, unproven.
    #[error("closed by the peer: {text}")]
    Remote {
        /// What the peer told us.
        text: String,
    },
    /// The peer broke a rule.
    #[error("{fault}")]
    Fault {
        /// Which one.
        fault: LinkFault,
    },
    /// Nothing was heard for the idle timeout.
    #[error("nothing was heard from the peer any more")]
    TimedOut,
    /// The peer lost the link's state, as after a restart.
    #[error("the peer no longer knows this link")]
    Reset,
    /// We are shutting down.
    #[error("this node is shutting down")]
    ShuttingDown,
}

/// Why a frame was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The link's queue for the lane is full; the caller decides what to leave out.
    #[error("the queue of the lane is full")]
    Full,
    /// All links together have too much waiting.
    #[error("too much waits on all links together")]
    PoolFull,
    /// There is no such link (any more).
    #[error("there is no such link")]
    NoLink,
    /// The frame is above the lane's limit.
    #[error("the frame is above the limit of its lane")]
    TooLarge,
    /// The frame has no bytes.
    #[error("a frame must not be empty")]
    Empty,
}
