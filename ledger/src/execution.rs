//! What a block does: the rules by which transactions change the state, and by which a block is
//! valid.
//!
//! Two entry points, both pure and sequential, over the immutable state of a [`Tip`]: [`build`]
//! makes a block of what applies, [`execute`] checks somebody else's and applies it. Both go
//! through the same code for each transaction, so a block that was built executes.
//!
//! # A transaction
//! It applies, or it does not and leaves no trace; all its actions succeed, or none. In this order:
//! 1. The block's time is at most `expires_at_ms`.
//! 2. The sender exists, and the hash of the authority is the one its account stores.
//! 3. The nonce is the account's. It grows by one, and the account's history takes in the id.
//! 4. The fee that was offered leaves the account. What follows has the rest to spend.
//! 5. The actions, one after the other.
//!    - `Transfer`: the amount is not zero (a transfer of nothing is refused) and the sender holds
//!      it. A receiver without an account gets one, which is a new entry. A transfer to oneself
//!      needs the amount and changes nothing.
//!    - `Record`: a new entry, refused where this sender has one of this digest.
//!    - `SetAuthority`: the account stores the hash of the new authority, which the next
//!      transaction needs. The present authority is allowed, and changes nothing.
//!    - `Bond`, `Unbond`, `Unjail`: see [`staking`](crate::staking). The first bond of an account
//!      is a new entry, and so is each key that nobody named before.
//! 6. The fee offered covers `fee_base + fee_per_byte × size + entry_fee × new entries`. That part
//!    is burned; the rest is the proposer's.
//!
//! # A block
//! Effects come in the order: transactions, fees, evidence, presence, releases, next validators.
//! The last four are told in [`staking`](crate::staking). The proposer gets the sum of what was
//! offered above the burned parts once, after the last transaction, so it cannot spend it in the
//! same block.
//!
//! Nobody pays for a proposer's account: the genesis gives one to each of its validators, only an
//! account can bond, and accounts are never deleted. Should there be none all the same, its part is
//! burned.
//!
//! # Invariants
//! - Balances, stakes and what was burned sum up to the supply of the genesis after every
//!   transaction.
//! - No clock is read: a block's validity is a function of its parent and its bytes.

mod apply;
mod block_rules;
mod candidate_list;
mod entry;
mod epoch_end;
mod error;
mod journal;
mod pending;
mod punish;
mod read_ahead;
mod read_set;
mod releases;
mod run;
mod slots;
mod source;
mod stakes;
mod table;
mod tip;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::{ApplyError, BlockError, EvidenceRefusal};
pub use pending::{NextBlock, PendingChain, Step};
pub use read_set::ReadSet;
pub use tip::Tip;

use self::apply::Application;
use self::read_ahead::ReadAhead;
use crate::account::Account;
use crate::address::AccountId;
use crate::block::{BLOCK_EVIDENCE_MAX, Block, BlockHash, BlockHeader, PROTOCOL_VERSION};
use crate::certificate::CommitCertificate;
use crate::evidence::Evidence;
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::merkle::list_root;
use crate::state::StateUpdate;
use crate::transaction::{
    AllVerified, Amount, Nonce, RawTransaction, TransactionId, VerifiedTransaction, WireId,
};
use crate::validators::ValidatorSet;
use crate::vote::Round;

/// What a block did, before it is final: nothing of it is stored yet.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The block.
    pub header_hash: BlockHash,
    /// The state after it, and what to write if it becomes final.
    pub state: StateUpdate,
    /// The accounts it changed, ascending, as they are after it.
    pub touched: Vec<(AccountId, Account)>,
    /// Its transactions, in order.
    pub transactions: Vec<AppliedTransaction>,
    /// Where the fees went.
    pub fees: BlockFees,
    /// The validators that sign the next block.
    pub next_validators: Arc<ValidatorSet>,
}

/// A transaction that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedTransaction {
    /// What the user meant.
    pub id: TransactionId,
    /// What travelled.
    pub wire_id: WireId,
    /// Whose it was.
    pub sender: AccountId,
    /// The sender's running number.
    pub nonce: Nonce,
    /// The sender's history after it.
    pub history: Hash,
}

/// Where the fees of a block went, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockFees {
    /// Burned.
    pub burned: Amount,
    /// Credited to the proposer.
    pub proposer: Amount,
}

/// How [`execute`] checks signatures.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// The scheme of the network.
    pub scheme: &'a dyn SignatureScheme,
    /// Verifies the transactions of a block of this network, or knows that it did before.
    pub transactions: &'a TransactionsCheck<'a>,
    /// The hash of a certificate of the parent whose signatures the caller has verified itself:
    /// they are not verified again if the block carries that very one.
    pub verified_certificate: Option<Hash>,
}

/// A way to verify transactions, all of them in their order or none. A node answers from its memo
/// where it can.
pub type TransactionsCheck<'a> =
    dyn Fn(&[RawTransaction]) -> AllVerified<Arc<VerifiedTransaction>> + 'a;

/// What a proposer decides about its block.
#[derive(Clone, Debug)]
pub struct BlockPlan<'a> {
    /// The round it is made in.
    pub round: Round,
    /// The proposer's clock, milliseconds since 1970; the block's time is never at or before its
    /// parent's.
    pub clock_ms: u64,
    /// What may go in, in this order.
    pub candidates: &'a [Arc<VerifiedTransaction>],
    /// Offences to punish, in any order; what cannot be punished stays out. The caller has verified
    /// each ([`Evidence::verify`]).
    pub evidence: &'a [Evidence],
    /// The certificate of the parent; `None` for block 1.
    pub parent_certificate: Option<CommitCertificate>,
    /// How much may go in; the limits of the network hold beside it.
    pub limits: BlockLimits,
}

/// How much goes into a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Most bytes of its transactions.
    pub bytes_max: u32,
    /// Most transactions.
    pub transactions_max: u32,
}

/// A block that was made here.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// The block.
    pub block: Block,
    /// What it does.
    pub executed: Executed,
    /// Candidates that do not apply, and why. What is neither here nor in the block did not fit.
    pub skipped: Vec<(WireId, ApplyError)>,
    /// Evidence that nobody is punished for, by its hash, and why. What is neither here nor in the
    /// block did not fit.
    pub refused_evidence: Vec<(Hash, EvidenceRefusal)>,
}

/// Makes the block after `parent` out of the candidates that apply.
///
/// The proposer named is the one whose turn it is in that round.
///
/// # Errors
/// [`BlockError::Time`] if no later time can be written, the errors of reading the state, and what
/// is wrong with the certificate; the signatures in it are not checked.
pub fn build(parent: &Tip, plan: BlockPlan<'_>) -> Result<BuiltBlock, BlockError> {
    let earliest = parent.time_ms.checked_add(1).ok_or(BlockError::Time {
        parent_ms: parent.time_ms,
        found_ms: parent.time_ms,
    })?;
    let time_ms = plan.clock_ms.max(earliest);
    block_rules::check_certificate_form(parent, plan.parent_certificate.as_ref())?;
    let ahead = ReadAhead::of(parent, plan.candidates)?;
    let mut application = Application::new(parent, &ahead, time_ms)?;
    let (transactions, skipped) = choose_transactions(parent, &mut application, &plan)?;
    let proposer = parent.proposer(plan.round);
    application.pay_fees(&proposer)?;
    let (evidence, refused_evidence) = choose_evidence(&mut application, plan.evidence)?;
    let outcome = application.seal(plan.parent_certificate.as_ref())?;
    let ids: Vec<_> = outcome
        .transactions
        .iter()
        .map(|one| one.wire_id.0)
        .collect();
    let header = BlockHeader {
        version: PROTOCOL_VERSION,
        upgrade_signal: PROTOCOL_VERSION,
        genesis: parent.genesis_hash,
        height: parent.next_height()?,
        round: plan.round,
        parent: parent.hash,
        time_ms,
        proposer,
        transaction_root: list_root(&ids),
        transaction_count: u32::try_from(ids.len()).expect("a block holds 10,000 at most"),
        state_root: outcome.state.root,
        validators_hash: parent.validators.hash(),
        next_validators_hash: outcome.next_validators.hash(),
        evidence_root: Block::evidence_root(&evidence),
        evidence_count: u32::try_from(evidence.len()).expect("a block holds 64 at most"),
        parent_certificate_hash: Block::certificate_hash(plan.parent_certificate.as_ref()),
    };
    let executed = outcome.executed(header.hash());
    let block = Block {
        header,
        transactions,
        evidence,
        parent_certificate: plan.parent_certificate,
    };
    Ok(BuiltBlock {
        block,
        executed,
        skipped,
        refused_evidence,
    })
}

/// Transactions of a block, and those that do not apply.
type Chosen = (Vec<RawTransaction>, Vec<(WireId, ApplyError)>);

/// Applies the candidates that apply and fit.
fn choose_transactions(
    parent: &Tip,
    application: &mut Application<'_>,
    plan: &BlockPlan<'_>,
) -> Result<Chosen, BlockError> {
    let mut chosen = Vec::new();
    let mut skipped = Vec::new();
    let mut room = plan.limits.within(parent);
    for candidate in plan.candidates {
        let Some(left) = room.after(candidate.size_bytes()) else {
            break;
        };
        match application.apply(candidate)? {
            Ok(()) => {
                room = left;
                chosen.push(candidate.raw().clone());
            }
            Err(error) => skipped.push((candidate.wire_id(), error)),
        }
    }
    Ok((chosen, skipped))
}

/// Evidence of a block, and the hashes of that which nobody is punished for.
type ChosenEvidence = (Vec<Evidence>, Vec<(Hash, EvidenceRefusal)>);

/// Punishes what can be punished and fits, in the order of the hashes.
fn choose_evidence(
    application: &mut Application<'_>,
    evidence: &[Evidence],
) -> Result<ChosenEvidence, BlockError> {
    let mut chosen = Vec::new();
    let mut refused = Vec::new();
    let by_hash: BTreeMap<_, _> = evidence.iter().map(|one| (one.hash(), one)).collect();
    for (hash, one) in by_hash {
        if chosen.len() == BLOCK_EVIDENCE_MAX {
            break;
        }
        match application.punish(one)? {
            Ok(()) => chosen.push(*one),
            Err(refusal) => refused.push((hash, refusal)),
        }
    }
    Ok((chosen, refused))
}

/// Checks every rule of `block` as the child of `parent`, and applies it.
///
/// # Errors
/// [`BlockError`] names the first broken rule; [`BlockError::is_deterministic`] tells a bad block
/// from a disk that cannot be read.
pub fn execute(parent: &Tip, block: &Block, checks: &Checks<'_>) -> Result<Executed, BlockError> {
    let header = &block.header;
    block_rules::check_header(parent, header)?;
    let wire_ids = block_rules::check_transactions(parent, block)?;
    block_rules::check_evidence(block, checks.scheme)?;
    block_rules::check_certificate(parent, block, checks)?;
    let verified = (checks.transactions)(&block.transactions)
        .map_err(|(index, error)| BlockError::Transaction { index, error })?;
    let asked = wire_ids.iter().copied();
    assert!(
        verified.iter().map(|one| one.wire_id()).eq(asked),
        "the check answers for what it was asked"
    );
    let ahead = ReadAhead::of(parent, &verified)?;
    let mut application = Application::new(parent, &ahead, header.time_ms)?;
    for (index, verified) in verified.iter().enumerate() {
        application
            .apply(verified)?
            .map_err(|error| BlockError::Apply { index, error })?;
    }
    application.pay_fees(&header.proposer)?;
    for (index, evidence) in block.evidence.iter().enumerate() {
        application
            .punish(evidence)?
            .map_err(|error| BlockError::EvidenceRefused { index, error })?;
    }
    let outcome = application.seal(block.parent_certificate.as_ref())?;
    let (expected, found) = (outcome.next_validators.hash(), header.next_validators_hash);
    if expected != found {
        return Err(BlockError::NextValidators { expected, found });
    }
    if outcome.state.root != header.state_root {
        return Err(BlockError::StateRoot {
            expected: outcome.state.root,
            found: header.state_root,
        });
    }
    Ok(outcome.executed(header.hash()))
}

impl BlockLimits {
    /// Returns the smaller of these limits and those of the network.
    fn within(self, parent: &Tip) -> Self {
        let parameters = &parent.genesis.parameters;
        Self {
            bytes_max: self.bytes_max.min(parameters.block_bytes_max),
            transactions_max: self.transactions_max.min(parameters.block_transactions_max),
        }
    }

    /// Returns the room that is left after one more transaction, if it fits.
    fn after(self, size_bytes: usize) -> Option<Self> {
        let size_bytes = u32::try_from(size_bytes).ok()?;
        Some(Self {
            bytes_max: self.bytes_max.checked_sub(size_bytes)?,
            transactions_max: self.transactions_max.checked_sub(1)?,
        })
    }
}

#[cfg(test)]
mod tests;
