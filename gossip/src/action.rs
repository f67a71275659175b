//! What the gossip machine wants done: by the transport, and by the node.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use starling_ledger::block::BlockHash;
use starling_ledger::transaction::{RawTransaction, WireId};
use starling_ledger::vote::Height;

use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::{ConsensusMessage, Have, RollMessage};
use crate::peer_id::PeerId;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Dial; ends in one `Connected` or `DialFailed`, also where the transport refuses at once.
    Dial {
        /// Where.
        address: SocketAddr,
        /// Who has to answer, if that is known.
        peer: Option<PeerId>,
    },
    /// End a link and tell the peer why. The machine has forgotten the link already.
    Disconnect {
        /// Which.
        link: LinkId,
        /// Why, in words for the peer's operator.
        reason: String,
    },
    /// Send a frame.
    Send {
        /// On which link.
        link: LinkId,
        /// On which lane.
        lane: Lane,
        /// The frame.
        bytes: Bytes,
    },
    /// Check these transactions; each is answered by `TransactionChecked`.
    CheckTransactions {
        /// Who sent them first.
        from: PeerId,
        /// Transactions not handed over before.
        batch: Vec<RawTransaction>,
    },
    /// A transaction of `SubmitTransaction` has left for every neighbour that lacked it.
    SentOn {
        /// Which.
        wire_id: WireId,
        /// Neighbours it was sent to.
        sent_to: usize,
        /// Neighbours there were.
        neighbours: usize,
    },
    /// A consensus message, not checked yet.
    Consensus {
        /// Who sent it.
        from: PeerId,
        /// The message.
        message: ConsensusMessage,
    },
    /// A call or answer of the roll, not checked yet.
    Roll {
        /// Who sent it.
        from: PeerId,
        /// The message.
        message: RollMessage,
    },
    /// A neighbour measures how far it is: it is told our time as well, by `SendTime`.
    TimeAsked {
        /// Who.
        peer: PeerId,
    },
    /// A neighbour told its time when it answered a ping.
    TimeTold {
        /// Who.
        peer: PeerId,
        /// Its clock, milliseconds since 1970.
        wall_ms: u64,
        /// How long the ping and its answer took.
        round_trip: Duration,
    },
    /// What a neighbour has of a round.
    Have {
        /// Who.
        from: PeerId,
        /// What it has.
        have: Have,
    },
    /// A block of the current height, not looked at yet.
    Block {
        /// Who sent it.
        from: PeerId,
        /// Its encoding.
        raw: Arc<[u8]>,
        /// The neighbour sends more of them than it may: to be taken only if it is waited for.
        over_budget: bool,
    },
    /// A neighbour wants a block of the current height; answered by `SendBlock`, or not at all.
    ServeBlock {
        /// Who asks.
        peer: PeerId,
        /// The block's height.
        height: Height,
        /// Its hash.
        hash: BlockHash,
    },
    /// A peer wants final blocks; answered by `Serve`.
    ServeBlocks {
        /// Who asks.
        peer: PeerId,
        /// The first height, at most ours.
        from: Height,
        /// How many, at most 64; fewer where they exceed 2 MiB.
        count: u32,
    },
    /// Check and apply final blocks that follow ours; always answered by one `RangeChecked`, before
    /// which no other range comes.
    ApplyRange {
        /// Who delivered them.
        peer: PeerId,
        /// The first height.
        from: Height,
        /// Encodings of final blocks.
        blocks: Vec<Arc<[u8]>>,
    },
    /// What a peer says of its last block does not fit our chain, or cannot be compared here.
    Doubtful {
        /// Who.
        peer: PeerId,
        /// The height, at most ours.
        height: Height,
    },
    /// Answers `Inspect`.
    Inspected {
        /// Whose block.
        peer: PeerId,
        /// The height that was asked for.
        height: Height,
        /// The encoding of a final block; `None` if the peer did not deliver one.
        block: Option<Arc<[u8]>>,
    },
    /// The node has fallen behind its peers and fetches ranges.
    Behind {
        /// The highest height that a reliable peer claims.
        best: Height,
    },
    /// The node has caught up with all peers.
    CaughtUp,
    /// A peer can be talked to.
    PeerUp {
        /// Who.
        peer: PeerId,
    },
    /// A peer is gone.
    PeerDown {
        /// Who.
        peer: PeerId,
    },
}

/// A link of which the other parts of the machine have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkChange {
    /// It can be used; the peer said this height in its hello.
    Up {
        peer: PeerId,
        link: LinkId,
        height: Height,
    },
    /// It is gone.
    Down { peer: PeerId, link: LinkId },
}

/// What one input leads to, before the parent has passed on the changes of links.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// What is to be done.
    pub(crate) actions: Vec<Action>,
    /// Links that came or went; the parent tells its other children.
    pub(crate) changes: VecDeque<LinkChange>,
}

impl Outbox {
    /// Adds an action.
    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Adds a frame to send.
    pub(crate) fn send(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        self.push(Action::Send { link, lane, bytes });
    }
}
