//! The trait behind which the agreement algorithm stands, so that an engine is one file to
//! exchange.
//!
//! An engine decides one height: it is made for a height and dropped with it. It sees messages only
//! after admission (member, right proposer, signature checked), is never fed messages of other
//! heights, and owns no clock: it asks for timeouts and is told when they have passed. Signatures
//! are made and checked through [`Keys`], synchronously.
//!
//! # Invariants
//! - [`Output::Log`] comes before whatever it justifies becomes visible; the caller makes the log
//!   durable before it acts on any later [`Output::Publish`] or [`Output::Decided`].
//! - An own vote or proposal is signed through [`Keys`] before it appears in the log.
//! - Feeding the logged inputs to a new engine of the same height derives the same messages.

use std::sync::Arc;

use bincode::{Decode, Encode};
use starling_gossip::message::{ConsensusMessage, PolkaCertificate, RoundCertificate};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Height, Proposal, Round, SignedProposal, SignedVote, Vote};

/// Most rounds a message may be ahead of the engine's; what is further is dropped.
/// The bound of Malachite's core, which the votes of a third of the power move along.
pub const MAX_ROUNDS_AHEAD: Round = 10;

/// What an engine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum TimeoutStep {
    /// A proposal.
    Propose,
    /// More prevotes, after those of more than two thirds came.
    Prevote,
    /// More precommits, after those of more than two thirds came.
    Precommit,
    /// The next time to send the own votes again.
    Rebroadcast,
}

/// Where an engine is in its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Waits for a proposal.
    Propose,
    /// Has prevoted.
    Prevote,
    /// Has precommitted.
    Precommit,
    /// Has decided.
    Commit,
}

/// What an engine is fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An admitted vote.
    Vote(SignedVote),
    /// An admitted proposal.
    Proposal(SignedProposal),
    /// A proposed block was executed.
    Value {
        /// The round of a proposal for it.
        round: Round,
        /// The block.
        block: BlockHash,
        /// Whether it keeps every rule.
        valid: bool,
    },
    /// The own block for [`Output::BuildBlock`].
    Built {
        /// The round it was asked for.
        round: Round,
        /// The block.
        block: BlockHash,
    },
    /// A timeout has passed.
    Timeout(TimeoutStep, Round),
    /// Prevotes of more than two thirds.
    Polka(PolkaCertificate),
    /// Votes that let the node enter or leave a round.
    RoundSkip(RoundCertificate),
}

/// What an engine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Record this input, to be fed again after a crash.
    Log(Input),
    /// Send to everybody.
    Publish(ConsensusMessage),
    /// Answer with [`Input::Built`].
    BuildBlock(Round),
    /// Send the body of this block again.
    Restream(BlockHash),
    /// A round begins.
    RoundStarted(Round),
    /// Start a timeout; one that runs already for this step and round is replaced.
    Schedule(TimeoutStep, Round),
    /// Stop a timeout.
    Cancel(TimeoutStep, Round),
    /// Stop all timeouts.
    CancelAll,
    /// Agreement is reached.
    Decided(CommitCertificate),
}

/// Signs and checks for an engine.
pub trait Keys {
    /// Says whether a vote's signature is right.
    fn check_vote(&mut self, vote: &SignedVote) -> bool;
    /// Says whether a proposal's signature is right.
    fn check_proposal(&mut self, proposal: &SignedProposal) -> bool;
    /// Signs a vote of the own key.
    fn sign_vote(&mut self, vote: Vote) -> SignedVote;
    /// Signs a proposal of the own key.
    fn sign_proposal(&mut self, proposal: Proposal) -> SignedProposal;
}

/// Why an engine stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Replaying the log gave another message than the one recorded.
    #[error("replay of the consensus log diverges: {0}")]
    Diverged(String),
    /// The algorithm met a state it does not know.
    #[error("the consensus engine failed: {0}")]
    Failed(String),
}

/// An agreement algorithm for one height.
pub trait Engine: Send {
    /// Starts with round 0, and feeds again what was logged before a crash.
    ///
    /// Nothing of `log` is logged again; messages that `log` holds are published again.
    ///
    /// # Errors
    /// [`EngineError`] if the log and the algorithm disagree.
    fn start(
        &mut self,
        log: &[Input],
        keys: &mut dyn Keys,
        out: &mut Vec<Output>,
    ) -> Result<(), EngineError>;

    /// Takes one input to its end.
    ///
    /// # Errors
    /// [`EngineError`]; the engine is then of no further use.
    fn feed(
        &mut self,
        input: Input,
        keys: &mut dyn Keys,
        out: &mut Vec<Output>,
    ) -> Result<(), EngineError>;

    /// Returns the current round.
    fn round(&self) -> Round;

    /// Returns the current step.
    fn step(&self) -> Step;

    /// Returns the latest round with a polka the engine knows, and its block.
    fn valid(&self) -> Option<(Round, BlockHash)>;
}

/// What an engine is made for.
#[derive(Clone, Debug)]
pub struct EngineSetup {
    /// The height to decide.
    pub height: Height,
    /// Who decides it.
    pub validators: Arc<ValidatorSet>,
    /// The own key, if it may sign at this height; without one the engine only follows.
    pub key: Option<PublicKey>,
}

/// Makes an engine.
pub type NewEngine = fn(EngineSetup) -> Box<dyn Engine>;
