//! What the gossip machine is told: news of links, and what the node answers and wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use starling_ledger::block::BlockHash;
use starling_ledger::transaction::{RawTransaction, WireId};
use starling_ledger::vote::Height;

use crate::fault::PeerFault;
use crate::lane::Lane;
use crate::link::{DialFailure, Direction, DisconnectReason, LinkId};
use crate::message::{ConsensusMessage, Have, RollMessage};
use crate::peer_id::PeerId;

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A link came into being; its peer has proven its key.
    Connected {
        /// Who is at the other end.
        peer: PeerId,
        /// The name of the link.
        link: LinkId,
        /// Where the peer is seen; of an outbound link the address that was dialed.
        address: SocketAddr,
        /// Who dialed.
        direction: Direction,
    },
    /// A frame came.
    Frame {
        /// On which link.
        link: LinkId,
        /// On which lane.
        lane: Lane,
        /// What it holds.
        bytes: Bytes,
    },
    /// A link ended.
    Disconnected {
        /// Which.
        link: LinkId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A dial did not become a link.
    DialFailed {
        /// What was dialed.
        address: SocketAddr,
        /// Who was expected there.
        peer: Option<PeerId>,
        /// Why.
        reason: DialFailure,
    },
    /// A deadline has passed.
    Wake,
    /// The node judged a transaction it was given by `CheckTransactions`.
    TransactionChecked {
        /// Which.
        wire_id: WireId,
        /// What follows.
        verdict: Verdict,
    },
    /// A transaction of this node's own users, which it accepted.
    SubmitTransaction(RawTransaction),
    /// A transaction that the node had no use for when a neighbour sent it, and accepted later.
    RelayTransaction(RawTransaction),
    /// Pending transactions for a neighbour that came up.
    Offer {
        /// The neighbour.
        peer: PeerId,
        /// The transactions, the most urgent first.
        transactions: Vec<RawTransaction>,
    },
    /// A consensus message to be flooded: this node's own, or one that it received and checked.
    FloodConsensus {
        /// The message.
        message: ConsensusMessage,
        /// Send it to all, also those that have it: a rebroadcast.
        force: bool,
    },
    /// A call or answer of the roll to be flooded: this node's own, or one that it received and
    /// checked.
    FloodRoll(RollMessage),
    /// A consensus message for one neighbour, also if it was sent it before.
    SendConsensus {
        /// The neighbour.
        peer: PeerId,
        /// The message.
        message: ConsensusMessage,
    },
    /// What this node has of a round, for one neighbour.
    SendHave {
        /// The neighbour.
        peer: PeerId,
        /// What it has.
        have: Have,
    },
    /// A block of the current height, for one neighbour.
    SendBlock {
        /// The neighbour.
        peer: PeerId,
        /// The block's encoding.
        raw: Arc<[u8]>,
    },
    /// The node lacks a block of the current height.
    WantBlock {
        /// Whom to ask; `None` asks two neighbours at random.
        peer: Option<PeerId>,
        /// The block's height.
        height: Height,
        /// Its hash.
        hash: BlockHash,
    },
    /// The node's last final block.
    Head {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: BlockHash,
    },
    /// The node judged a range it was given by `ApplyRange`.
    RangeChecked {
        /// Who delivered it.
        peer: PeerId,
        /// Its first height.
        from: Height,
        /// The last height that was applied; `from - 1` if none was.
        ok_up_to: Height,
        /// What was wrong with the rest, if that is the peer's fault.
        fault: Option<PeerFault>,
    },
    /// The node wants to see a peer's final block at a height it has itself; answered by
    /// `Inspected`. Asking for another gives up on the one before.
    Inspect {
        /// Whose.
        peer: PeerId,
        /// The height.
        height: Height,
    },
    /// Answers `ServeBlocks`.
    Serve {
        /// Who asked.
        peer: PeerId,
        /// The first height asked for.
        from: Height,
        /// Encodings of final blocks, without gaps; what is above the limit is left out.
        blocks: Vec<Arc<[u8]>>,
    },
    /// Answers `ServeBlocks` where the node no longer keeps the first block asked for.
    ServePruned {
        /// Who asked.
        peer: PeerId,
        /// The first height asked for.
        from: Height,
        /// The lowest height that is kept.
        first: Height,
    },
    /// The node found a peer to misbehave.
    Penalize {
        /// Who.
        peer: PeerId,
        /// How.
        fault: PeerFault,
    },
    /// A person wants a peer to be dialed and kept.
    AddPeer(ConfiguredPeer),
    /// The peer that a person wants has left this address: it is one like others now.
    ForgetPeer(SocketAddr),
    /// A peer's name was looked up.
    NameLookedUp {
        /// The name and its port.
        name: String,
        /// Why it was not found, if it was not.
        failure: Option<String>,
    },
    /// The answer to `Action::TimeAsked`.
    SendTime {
        /// Who asked.
        peer: PeerId,
        /// Our clock, milliseconds since 1970.
        wall_ms: u64,
    },
    /// A person wants no more of a peer.
    Ban {
        /// Who.
        peer: PeerId,
        /// For how long; `None` until it is lifted.
        duration: Option<Duration>,
    },
    /// A person lifts a ban.
    Unban(PeerId),
}

/// What the node thinks of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the mempool: pass it on.
    Accepted,
    /// It does not apply at the moment, or there is no room; nobody's fault.
    Dropped,
    /// It is wrong whatever the state.
    Fault(PeerFault),
}

/// A peer that a person named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfiguredPeer {
    /// Where to dial it.
    pub address: SocketAddr,
    /// Who it has to be; `None` takes whoever answers.
    pub peer: Option<PeerId>,
}
