//! Every way in which a peer can misbehave, and what follows.
//!
//! Only what the peer could have known to be wrong is a fault. What depends on the state of the
//! ledger (a nonce, missing funds, a block of a height that has passed) never is.

use std::time::Duration;

use thiserror::Error;

use crate::lane::Lane;
use crate::link::LinkFault;

/// Points at which a peer is let go; they fade by one a second.
pub const FAULT_POINTS_MAX: u32 = 100;
/// How long a peer is not talked to after a plain breach of the rules. Our choice: long enough to
/// cost an attacker its link, short enough to survive a release with a bug.
pub const FAULT_BAN: Duration = Duration::from_secs(300);

/// The same for a peer that did not deliver what it claims: it may just be slow.
pub const UNDELIVERED_BAN: Duration = Duration::from_secs(60);

/// How a peer misbehaved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// A frame that is not what its kind says.
    #[error("malformed frame on the {lane} lane: {reason}")]
    MalformedFrame {
        /// Where it came.
        lane: Lane,
        /// What the decoder says.
        reason: String,
    },
    /// The link's own rules were broken.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// Something else than a hello came first.
    #[error("the first frame is no hello")]
    NoHelloFirst,
    /// No hello came in time.
    #[error("no hello came in time")]
    HelloTimeout,
    /// A second hello.
    #[error("a second hello")]
    SecondHello,
    /// No answer to a ping in time: dead, stopped, or not reading.
    #[error("a ping was not answered in time")]
    PingTimeout,
    /// A transaction above the limit.
    #[error("a transaction of {size_bytes} bytes")]
    OversizedTransaction {
        /// Its length.
        size_bytes: usize,
    },
    /// A transaction that is malformed or wrongly signed, whatever the state.
    #[error("an invalid transaction: {reason}")]
    InvalidTransaction {
        /// What the check says.
        reason: String,
    },
    /// A vote, proposal or certificate that is wrong whatever the state.
    #[error("an invalid consensus message: {reason}")]
    InvalidMessage {
        /// What the check says.
        reason: String,
    },
    /// A block that is not what its header or its proposal says.
    #[error("an invalid block: {reason}")]
    InvalidBlock {
        /// What the check says.
        reason: String,
    },
    /// A range whose blocks do not follow from our chain by hash and certificate.
    #[error("an invalid range of blocks: {reason}")]
    InvalidRange {
        /// What the check says.
        reason: String,
    },
    /// Its chain is another one than ours, from this height on or below.
    #[error("another chain: its block {height} is not ours")]
    OtherChain {
        /// The height.
        height: u64,
    },
    /// A request for no block, too many, or the one before the first.
    #[error("a request for {count} blocks from height {from}")]
    BadRangeRequest {
        /// The first height asked for.
        from: u64,
        /// How many.
        count: u32,
    },
    /// A range nobody asked for, or more blocks than asked for.
    #[error("a range of blocks that was not asked for")]
    UnaskedRange,
    /// Blocks it says it has were not delivered, again and again.
    #[error("blocks up to the height it claims were not delivered")]
    UndeliveredHeight,
    /// More addresses in one answer than allowed.
    #[error("{count} nodes in one answer")]
    TooManyAddresses {
        /// How many.
        count: usize,
    },
    /// Much more of something than an honest peer sends.
    #[error("more than its budget on the {lane} lane")]
    OverBudget {
        /// Where.
        lane: Lane,
    },
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The link ends, and the peer is not talked to for this long.
    Disconnect(Duration),
    /// It counts towards [`FAULT_POINTS_MAX`].
    Count(u32),
}

impl PeerFault {
    /// Returns what follows.
    pub const fn consequence(&self) -> Consequence {
        match self {
            Self::MalformedFrame { .. }
            | Self::NoHelloFirst
            | Self::SecondHello
            | Self::OversizedTransaction { .. }
            | Self::InvalidTransaction { .. }
            | Self::InvalidMessage { .. }
            | Self::InvalidBlock { .. }
            | Self::InvalidRange { .. }
            | Self::OtherChain { .. }
            | Self::BadRangeRequest { .. }
            | Self::TooManyAddresses { .. } => Consequence::Disconnect(FAULT_BAN),
            Self::UndeliveredHeight => Consequence::Disconnect(UNDELIVERED_BAN),
            Self::Link(fault) => Self::link_consequence(fault),
            // Silence can be the network's fault: the link ends, the peer may come back.
            Self::HelloTimeout | Self::PingTimeout => Consequence::Disconnect(Duration::ZERO),
            // An answer may come after its deadline, so that a few are no proof.
            Self::UnaskedRange => Consequence::Count(10),
            Self::OverBudget { .. } => Consequence::Count(1),
        }
    }

    const fn link_consequence(fault: &LinkFault) -> Consequence {
        match fault {
            LinkFault::FrameTooLarge { .. } | LinkFault::EmptyFrame { .. } => {
                Consequence::Disconnect(FAULT_BAN)
            }
            // The others happen to peers that crash or whose network is bad.
            _ => Consequence::Disconnect(Duration::ZERO),
        }
    }
}

/// Points of one peer, which fade.
#[derive(Clone, Debug, Default)]
pub struct FaultPoints {
    points: u32,
    at_second: u64,
}

impl FaultPoints {
    /// Adds points at a time in whole seconds, and says whether the limit is reached.
    pub fn add(&mut self, at_second: u64, points: u32) -> bool {
        let faded = at_second.saturating_sub(self.at_second);
        let faded = u32::try_from(faded).unwrap_or(u32::MAX);
        self.points = self.points.saturating_sub(faded).saturating_add(points);
        self.at_second = self.at_second.max(at_second);
        self.points >= FAULT_POINTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fade_by_one_a_second() {
        let mut points = FaultPoints::default();
        assert!(!points.add(0, 60));
        assert!(!points.add(30, 60));
        assert!(points.add(30, 10));
        assert!(!points.add(1_000, 99));
    }

    #[test]
    fn silence_ends_a_link_without_a_ban() {
        let silent = PeerFault::PingTimeout.consequence();
        assert_eq!(silent, Consequence::Disconnect(Duration::ZERO));
        let lying = PeerFault::InvalidRange {
            reason: String::new(),
        }
        .consequence();
        assert_eq!(lying, Consequence::Disconnect(FAULT_BAN));
    }
}
