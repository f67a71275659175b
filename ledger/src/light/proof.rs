//! What a believed header proves: entries of the state, transactions, and their absence.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::LightError;
use crate::account::Account;
use crate::address::AccountId;
use crate::block::BlockHeader;
use crate::codec::list;
use crate::hash::Hash;
use crate::merkle::ListProof;
use crate::record::Record;
use crate::staking::Stake;
use crate::state::StateProof;
use crate::state_key::StateKey;
use crate::transaction::{Nonce, TransactionId, VerifiedTransaction, WireId};

/// Most ids of a proof by history. Our choice: half a megabyte.
pub const HISTORY_IDS_MAX: usize = 16 * 1024;

/// Returns the account `id` in the state after the block of `header`, or `None` if the proof shows
/// that there is none.
///
/// # Errors
/// [`LightError::Proof`] if the proof is not of this state and account.
pub fn verify_account(
    header: &BlockHeader,
    proof: &StateProof,
    id: &AccountId,
) -> Result<Option<Account>, LightError> {
    let value = proof.verify(&header.state_root, &StateKey::account(id))?;
    Ok(value.map(Account::from_bytes).transpose()?)
}

/// Returns the record that `sender` made of `digest`, or `None` if the proof shows that there is
/// none.
///
/// # Errors
/// [`LightError::Proof`] if the proof is not of this state and record.
pub fn verify_record(
    header: &BlockHeader,
    proof: &StateProof,
    sender: &AccountId,
    digest: &Hash,
) -> Result<Option<Record>, LightError> {
    let value = proof.verify(&header.state_root, &StateKey::record(sender, digest))?;
    Ok(value.map(Record::from_bytes).transpose()?)
}

/// Returns the stake of the account `id`, or `None` if the proof shows that it has none.
///
/// # Errors
/// [`LightError::Proof`] if the proof is not of this state and stake.
pub fn verify_stake(
    header: &BlockHeader,
    proof: &StateProof,
    id: &AccountId,
) -> Result<Option<Stake>, LightError> {
    let value = proof.verify(&header.state_root, &StateKey::stake(id))?;
    Ok(value.map(Stake::from_bytes).transpose()?)
}

/// Checks that the block of `header` holds the transaction `id` at the proof's position.
///
/// # Errors
/// [`LightError::Transaction`] if the proof does not show it.
pub fn verify_transaction(
    header: &BlockHeader,
    proof: &ListProof,
    id: &WireId,
) -> Result<(), LightError> {
    let counted = proof.count == header.transaction_count;
    match counted && proof.verify(&header.transaction_root, &id.0) {
        true => Ok(()),
        false => Err(LightError::Transaction),
    }
}

/// The account of a sender, and the end of the hash chain over its transactions.
///
/// The chain has as many links as the account's nonce says. Whoever knows the hash before and the
/// ids after some nonce can fold them to the account's history, and to no other.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct HistoryProof {
    /// The proof of the sender's account.
    pub account: StateProof,
    /// The history before the nonce in question; [`Hash::ZERO`] where that was not used yet.
    pub before: Hash,
    /// The ids of the sender's transactions from that nonce on, at most [`HISTORY_IDS_MAX`].
    pub ids: Vec<TransactionId>,
}

/// What became of a transaction, as of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It took effect, in this block or one before.
    Happened,
    /// It did not happen so far: its nonce was not used yet.
    Open {
        /// The nonce of the sender's next transaction.
        next: Nonce,
    },
    /// It did not happen so far, and never will: a later block cannot take it any more.
    Expired {
        /// The nonce of the sender's next transaction.
        next: Nonce,
    },
    /// It never happened and never will: this one has its nonce.
    Replaced {
        /// The transaction that took effect instead.
        by: TransactionId,
    },
}

/// Says what became of `transaction` up to the block of `header`, by its sender's history.
///
/// # Errors
/// [`LightError::History`] if the ids are not the end of the history; [`LightError::Proof`].
pub fn verify_history(
    header: &BlockHeader,
    proof: &HistoryProof,
    transaction: &VerifiedTransaction,
) -> Result<Past, LightError> {
    let account = verify_account(header, &proof.account, &transaction.sender())?;
    let (next, history) = account.map_or((0, Hash::ZERO), |a| (a.nonce, a.history));
    let nonce = transaction.body().nonce;
    let count = u64::try_from(proof.ids.len()).map_err(|_| LightError::History)?;
    let Some(first) = proof.ids.first() else {
        // An account of a nonce above zero has a history, which no empty list leads to.
        if next > nonce || proof.before != Hash::ZERO {
            return Err(LightError::History);
        }
        // Times of blocks grow: the next is later than this one.
        return Ok(match header.time_ms >= transaction.body().expires_at_ms {
            true => Past::Expired { next },
            false => Past::Open { next },
        });
    };
    let ids = proof.ids.iter();
    let folded = ids.fold(proof.before, |hash, id| Account::history_after(&hash, id));
    if nonce.checked_add(count) != Some(next) || folded != history {
        return Err(LightError::History);
    }
    Ok(match *first {
        id if id == transaction.id() => Past::Happened,
        by => Past::Replaced { by },
    })
}

impl<C> Decode<C> for HistoryProof {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            account: Decode::decode(decoder)?,
            before: Decode::decode(decoder)?,
            ids: list(decoder, HISTORY_IDS_MAX, "ids")?,
        })
    }
}

bincode::impl_borrow_decode!(HistoryProof);
