//! What the consensus machine is told, and what it asks for.

use std::sync::Arc;

use starling_gossip::PeerId;
use starling_gossip::message::{ConsensusMessage, Have, RollMessage};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::{ValidatorSet, VotingPower};
use starling_ledger::vote::{Height, Round};

use super::doubt::Doubt;
use super::engine::TimeoutStep;
use super::guard::GuardRecord;
use super::wal::LogRecord;

/// Names a write, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersistId(pub u64);

/// What the machine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The parent of this height is committed, be it by agreement or by sync: agree on this height.
    ///
    /// Comes first of all inputs, and again after each commit.
    StartHeight {
        /// The height to agree on.
        height: Height,
        /// Who votes.
        validators: Arc<ValidatorSet>,
    },
    /// The decision before the current height, where this machine has not seen it itself: after a
    /// restart, and after a height that came by sync. With it neighbours that are one height behind
    /// are helped; without it a network could stand still that lost its power while some had
    /// committed and some had not.
    Parent {
        /// The validators of that height.
        validators: Arc<ValidatorSet>,
        /// The decision, which was checked.
        certificate: CommitCertificate,
    },
    /// The certificate of a block that came by sync, which was checked. Its own signature in it may
    /// be one that this node does not remember.
    Certified {
        /// The validators of that height.
        validators: Arc<ValidatorSet>,
        /// The certificate.
        certificate: CommitCertificate,
    },
    /// The process stood still for longer than some blocks take.
    StoodStill,
    /// A valid block of the current height names these validators for the next one, and they are
    /// not the same. Their messages for the next height are kept from now on.
    NextValidators {
        /// The height of the block.
        height: Height,
        /// Who would vote at the next one.
        validators: Arc<ValidatorSet>,
    },
    /// The offences of these keys are punished by a final block.
    Punished(Vec<PublicKey>),
    /// The ledger refuses pieces that [`super::Consensus::evidence`] offered, by their hashes, now
    /// and later.
    EvidenceRefused(Vec<Hash>),
    /// There is something to put into a block, or no longer.
    WorkToDo(bool),
    /// A message from a neighbour. `None` is a message of this node that came in another way.
    Message {
        /// Who sent it.
        from: Option<PeerId>,
        /// The message, not checked.
        message: ConsensusMessage,
    },
    /// A call or answer of the roll from a neighbour.
    Roll {
        /// Who sent it.
        from: Option<PeerId>,
        /// The message, not checked.
        message: RollMessage,
    },
    /// What a neighbour has.
    Have {
        /// The neighbour.
        from: PeerId,
        /// What it has.
        have: Have,
    },
    /// A neighbour is there.
    PeerUp(PeerId),
    /// A neighbour is gone.
    PeerDown(PeerId),
    /// Answers [`Action::BuildBlock`]; the block counts as checked, valid and timely.
    Built {
        /// The height asked for.
        height: Height,
        /// The round asked for.
        round: Round,
        /// The block.
        block: BlockHash,
    },
    /// A block was executed. Sent for every block of this height that arrives, and once more when a
    /// block that was not timely becomes so. After a restart it is sent for each body of the log.
    BlockChecked {
        /// Its height.
        height: Height,
        /// The block.
        block: BlockHash,
        /// The round its header names.
        round: Round,
        /// The key of the validator its header names.
        proposer: PublicKey,
        /// Whether it keeps every rule.
        valid: bool,
        /// Whether its time is near enough to the own clock to vote for it.
        timely: bool,
    },
    /// Log entries and guard record of this write, and of all before it, are durable.
    Persisted {
        /// The write.
        id: PersistId,
    },
    /// A deadline has passed.
    Wake,
}

/// What the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send to every neighbour that has not got it.
    Flood {
        /// The message, which is checked.
        message: ConsensusMessage,
    },
    /// Send a call or answer of the roll to every neighbour that has not got it.
    FloodRoll {
        /// The message, which is checked.
        message: RollMessage,
    },
    /// Send to one neighbour, even if it was sent before.
    SendTo {
        /// The neighbour.
        peer: PeerId,
        /// The message.
        message: ConsensusMessage,
    },
    /// Tell a neighbour what is here.
    SendHave {
        /// The neighbour.
        peer: PeerId,
        /// What is here.
        have: Have,
    },
    /// Send the body of a block to one neighbour.
    SendBlock {
        /// The neighbour.
        peer: PeerId,
        /// The height of the block: the current one, or the last.
        height: Height,
        /// The block.
        block: BlockHash,
    },
    /// Get this block, execute it, and answer [`Input::BlockChecked`].
    WantBlock {
        /// Its height.
        height: Height,
        /// The block.
        block: BlockHash,
        /// The round it is proposed in.
        round: Round,
        /// Who is likely to have it.
        from: Option<PeerId>,
    },
    /// Build a block on the parent and answer [`Input::Built`].
    BuildBlock {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// Send the body of this block to all neighbours.
    Restream {
        /// The height.
        height: Height,
        /// The block.
        block: BlockHash,
    },
    /// Append to the log and sync it, then append to the guard and sync it, then answer
    /// [`Input::Persisted`]. In this order: the guard is never ahead of the log.
    Persist {
        /// Names the write.
        id: PersistId,
        /// Log records. The core adds a [`super::wal::LogEntry::Body`] for each of `bodies`.
        log: Vec<LogRecord>,
        /// Blocks called valid by `log`, whose bodies must be durable with it.
        bodies: Vec<BlockHash>,
        /// The guard's record.
        guard: Option<GuardRecord>,
    },
    /// A block is final. It was checked and found valid by this node. Answered by
    /// [`Input::StartHeight`] once it is committed.
    Decided {
        /// Its height.
        height: Height,
        /// The round it was decided in.
        round: Round,
        /// The block.
        block: BlockHash,
        /// The proof.
        certificate: CommitCertificate,
    },
    /// A neighbour broke a rule that no honest node breaks.
    Penalize {
        /// The neighbour.
        peer: PeerId,
        /// What it did.
        fault: ConsensusFault,
    },
    /// Stop for good, and say why. The machine does nothing more.
    Halt {
        /// Why.
        reason: HaltReason,
    },
    /// For logs, the life line and status.
    Event(ConsensusEvent),
}

/// What a neighbour can do wrong whatever its view of the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConsensusFault {
    /// A message with a wrong signature.
    Signature,
    /// A proposal whose proof of lock is not of an earlier round.
    ProofRound,
    /// A certificate that does not have the power it claims.
    Certificate,
    /// Evidence that proves nothing.
    Evidence,
}

/// Why the machine stops for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HaltReason {
    /// Replaying the log gave another message than the one recorded.
    #[error("{0}")]
    Replay(String),
    /// More than two thirds committed to a block that breaks a rule.
    #[error("block {block} of height {height} is certified but does not apply")]
    CertifiedInvalid {
        /// The height.
        height: Height,
        /// The block.
        block: BlockHash,
    },
    /// More than a third of the power signed two blocks.
    #[error(
        "two blocks are certified for height {}: {} and {}",
        one.height, one.block, other.block
    )]
    Conflict {
        /// One proof.
        one: Box<CommitCertificate>,
        /// The other.
        other: Box<CommitCertificate>,
    },
}

/// Why the node does not sign at a height.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpectatorReason {
    /// The log does not reach what the guard says was signed.
    LogBehindGuard,
    /// The guard refused to sign.
    GuardRefused(super::guard::GuardError),
    /// The key may have signed what this node does not know of.
    Watching,
    /// The engine failed.
    EngineFailed(String),
}

/// What is worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsensusEvent {
    /// A round begins.
    RoundStarted {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// Whose turn it is.
        proposer: PublicKey,
    },
    /// A timeout has passed.
    TimedOut {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// What was waited for.
        step: TimeoutStep,
    },
    /// The node follows this height without signing.
    Spectating {
        /// The height.
        height: Height,
        /// Why.
        reason: SpectatorReason,
    },
    /// The node watches from now on, and signs nothing.
    Watching {
        /// Why.
        doubt: Doubt,
    },
    /// The watch is over.
    SigningAgain,
    /// Another process answers with this node's key.
    SecondProcess {
        /// Its number.
        instance: u64,
    },
    /// The process stood still: the validator waits until it has heard the others.
    StoodStill,
    /// The own key was punished by a final block: it never counts again.
    Excluded,
    /// Enough of the other validators were heard to sign.
    RollComplete {
        /// The height at hand.
        height: Height,
    },
    /// A validator signed two values for one step.
    Offence(Box<Evidence>),
    /// No block for a while, and too little power is present.
    Halted {
        /// Power of the validators heard.
        present: VotingPower,
        /// Power of all.
        total: VotingPower,
        /// Keys of the silent ones.
        silent: Vec<PublicKey>,
    },
    /// A block again after [`ConsensusEvent::Halted`].
    Resumed,
}
