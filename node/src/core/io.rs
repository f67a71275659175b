//! What goes into the core and what comes out of it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use starling_gossip::{Instant, Lane, LinkId, PeerId};
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::light::{Checkpoint, Conflict, OwnBlock};
use starling_ledger::storage::View;
use starling_ledger::transaction::{Nonce, RawTransaction, TransactionId, WireId};
use starling_ledger::vote::{Height, Round};

use super::look::StateNews;
use super::own::{KeepId, KeepWrite};
use super::restore::RestoreReport;
use crate::consensus::guard::GuardRecord;
use crate::consensus::wal::LogRecord;
use crate::consensus::{ConsensusEvent, PersistId};
use crate::mempool::Left;
use crate::work::{ExecutedBlock, Work, WorkResult};

/// The time of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for timers.
    pub instant: Instant,
    /// Milliseconds since 1970 by this machine's clock, for the time of blocks.
    pub wall_ms: u64,
}

/// Names a piece of work until its result is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkId(pub u64);

/// Names a request of the HTTP side until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What the core is told.
pub enum Input {
    /// A deadline has passed.
    Wake,
    /// News of links from the transport, or an operator's wish about peers.
    Gossip(starling_gossip::Input),
    /// A piece of work is done.
    Worked {
        /// Which one.
        id: WorkId,
        /// What came of it.
        result: WorkResult,
    },
    /// A block is on disk, synced.
    Committed {
        /// Its height.
        height: Height,
        /// The store as it is now.
        view: Arc<dyn View>,
    },
    /// Log records are on disk, synced.
    Logged {
        /// Which ones.
        id: PersistId,
    },
    /// Submissions are on disk, synced.
    Kept {
        /// The last of them; those before it are, too.
        up_to: KeepId,
    },
    /// Blocks were read for a neighbour.
    BlocksRead {
        /// Who asked for them.
        peer: PeerId,
        /// Height of the first.
        from: Height,
        /// Encodings of final blocks, in order.
        blocks: Vec<Arc<[u8]>>,
    },
    /// One of our own final blocks was read; `None` where it is no longer kept.
    OwnRead {
        /// Its height.
        height: Height,
        /// The block.
        own: Option<Box<OwnBlock>>,
    },
    /// What a neighbour asked for is no longer kept.
    BlocksPruned {
        /// Who asked for it.
        peer: PeerId,
        /// Height of the first block asked for.
        from: Height,
        /// The lowest height that is kept.
        first: Height,
    },
    /// The HTTP side asks.
    Request {
        /// To be named in the answer.
        id: RequestId,
        /// What is asked.
        request: Request,
    },
}

/// What the core wants done. The caller carries actions out in order.
#[expect(
    clippy::large_enum_variant,
    reason = "an action is moved once, from the core to the shell"
)]
pub enum Action {
    /// Dial an address.
    Dial {
        /// Where.
        address: SocketAddr,
        /// Who has to answer, if that is known.
        peer: Option<PeerId>,
    },
    /// End a link.
    Disconnect {
        /// Which.
        link: LinkId,
        /// What the peer is told.
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
    /// Work for a thread pool.
    Work {
        /// To be named with the result.
        id: WorkId,
        /// What to do.
        work: Work,
    },
    /// Append a final block to the store, in one synced batch.
    Commit {
        /// The block and its effects.
        block: Arc<ExecutedBlock>,
        /// The certificate seen.
        certificate: CommitCertificate,
    },
    /// Append records to the consensus log, synced.
    Log(LogWrite),
    /// Append a submission of this node's own users to the journal, synced.
    Keep(KeepWrite),
    /// Read final blocks for a neighbour.
    ReadBlocks {
        /// Who asks.
        peer: PeerId,
        /// Height of the first.
        from: Height,
        /// How many at most.
        count: u32,
    },
    /// Read one of our own final blocks, with its validators.
    ReadOwn {
        /// Its height.
        height: Height,
    },
    /// Answer a request.
    Answer {
        /// Which one.
        id: RequestId,
        /// With what.
        answer: Answer,
    },
    /// Something a person or program may want to know.
    Event(Event),
    /// Stop the node; nothing is signed or acknowledged after this.
    Halt(HaltReason),
}

/// One durable step of consensus.
pub struct LogWrite {
    /// To be named when it is durable.
    pub id: PersistId,
    /// The height the records belong to; records of lower heights may be dropped.
    pub height: Height,
    /// The records, in order, with the bodies of the blocks they call valid.
    pub records: Vec<LogRecord>,
    /// For the sign guard, after the records are durable.
    pub guard: Option<GuardRecord>,
}

/// What the HTTP side may ask of the core.
pub enum Request {
    /// Take in a transaction and send it on.
    Submit(RawTransaction),
    /// The next nonce of an account, waiting transactions counted.
    NextNonce(AccountId),
    /// Whether a transaction waits.
    Pending(TransactionId),
    /// The neighbours.
    Peers,
    /// What was tried to get neighbours, and led to nothing.
    FailedPeers,
}

/// What the core answers.
pub enum Answer {
    /// The transaction waits now, or did so before, and is kept over any stop of this node.
    Submitted {
        /// Its id.
        id: TransactionId,
        /// Its wire id.
        wire_id: WireId,
        /// Whether it was here already.
        known: bool,
    },
    /// The transaction does not enter.
    Refused {
        /// A stable word for programs.
        code: &'static str,
        /// A sentence for people.
        reason: String,
    },
    /// `None` if nothing of the account waits.
    NextNonce(Option<Nonce>),
    /// The waiting transaction.
    Pending(Option<RawTransaction>),
    /// The neighbours, and by how many milliseconds their clocks are ahead of ours.
    Peers(Vec<(starling_gossip::overlay::PeerStatus, Option<i64>)>),
    /// What was tried to get neighbours, and led to nothing.
    FailedPeers(Vec<starling_gossip::overlay::FailedPeer>),
}

/// Something a person or program may want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// A transaction entered the mempool.
    Accepted(TransactionId),
    /// A transaction that was accepted waits here no longer, and no block holds it.
    Left(Left),
    /// The node's state was entered, or is over.
    State(StateNews),
    /// What waited before the last stop was checked again.
    Restored(RestoreReport),
    /// A transaction of our own was handed to neighbours.
    Gossiped {
        /// Which one.
        id: TransactionId,
        /// How many neighbours it was handed to.
        sent_to: usize,
        /// How many there are.
        neighbours: usize,
    },
    /// A valid proposal holds these transactions.
    Proposed {
        /// Height of the block.
        height: Height,
        /// Its round.
        round: Round,
        /// Its hash.
        block: BlockHash,
        /// Whose turn it was.
        proposer: AccountId,
        /// What it holds.
        transactions: Arc<[TransactionId]>,
    },
    /// A block is final, and readable from this node.
    Final {
        /// Its height.
        height: Height,
        /// Its hash.
        block: BlockHash,
        /// Its time, milliseconds since 1970.
        time_ms: u64,
        /// The root after it.
        state_root: starling_ledger::hash::Hash,
        /// What it holds.
        transactions: Arc<[TransactionId]>,
        /// How many validators signed the certificate seen.
        signed: usize,
        /// How many there are.
        validators: usize,
        /// Whether it came by sync rather than by our own agreement.
        synced: bool,
    },
    /// A step of consensus.
    Consensus(ConsensusEvent),
    /// A line for the log.
    Note(String),
    /// A line for the log that nobody should miss.
    Warning(String),
}

/// Why the node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HaltReason {
    /// A certified block does not apply: the ledger and the network contradict each other.
    #[error("block {height} is certified but does not apply here: {reason}")]
    Divergence {
        /// Height of the block.
        height: Height,
        /// The rule it breaks.
        reason: String,
    },
    /// A final block is not the one that a person vouches for.
    #[error(
        "the network's block {} is {found}, the checkpoint is {}: this is not the chain that the \
         checkpoint is of", .given.height, .given.hash
    )]
    Checkpoint {
        /// The checkpoint given.
        given: Checkpoint,
        /// The block that was certified at its height.
        found: BlockHash,
    },
    /// Two different blocks of one height were both signed by the validators of our own chain.
    #[error("{0}; more than a third of the voting power has signed both")]
    Fork(Box<Conflict>),
    /// The store failed.
    #[error("the store failed: {reason}")]
    Storage {
        /// What it says.
        reason: String,
    },
    /// Consensus cannot go on.
    #[error("consensus cannot go on: {reason}")]
    Consensus {
        /// Why.
        reason: String,
    },
}
