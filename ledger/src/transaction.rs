//! Transactions: what a user means, and who authorizes it.
//!
//! A transaction has two ids. Its [`TransactionId`] covers genesis, sender and body: what the user
//! means, which nobody else can change, and which cannot be replayed on another network. Its
//! [`WireId`] covers the whole encoding: roots, short ids, pulls and memos of verification use that
//! one, so that a swapped signature is a different thing.
//!
//! # Limits
//! A transaction encodes to at most [`TRANSACTION_BYTES_MAX`].

mod decoding;
mod spending;
mod verification;

use std::fmt;
use std::sync::Arc;

use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::authority::Authority;
use crate::codec::{CodecError, decode, encode};
use crate::hash::{Context, Hash};
use crate::keys::{PublicKey, Signature};

pub use verification::AllVerified;

/// Most bytes of an encoded transaction.
pub const TRANSACTION_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a memo or a note.
pub const MEMO_BYTES_MAX: usize = 256;
/// Most actions of one transaction.
pub const ACTIONS_MAX: usize = 16;

/// An amount in base units.
pub type Amount = u64;
/// The running number of an account's transactions, from 0.
pub type Nonce = u64;

/// What the user means, as a hash over genesis, sender and body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TransactionId(pub Hash);

/// What travels, as a hash over the whole encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct WireId(pub Hash);

/// The part of a transaction that its signatures cover.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Body {
    /// The account, where its authority was replaced; `None` where the authority derives it.
    pub sender: Option<AccountId>,
    /// The sender's running number.
    pub nonce: Nonce,
    /// The fee offered, in base units; what is above the burned part goes to the proposer.
    pub fee: Amount,
    /// The last block time, in milliseconds since 1970, at which it may be included.
    pub expires_at_ms: u64,
    /// Free text for people, at most [`MEMO_BYTES_MAX`] bytes.
    pub memo: String,
    /// 1 to [`ACTIONS_MAX`] actions, which all succeed or all fail.
    pub actions: Vec<Action>,
}

/// One thing a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum Action {
    /// Moves `amount` to another account, which it creates where needed.
    Transfer {
        /// The receiver.
        to: AccountId,
        /// Base units.
        amount: Amount,
    },
    /// Notarizes a digest for this sender; never overwritten.
    Record {
        /// What is notarized.
        digest: Hash,
        /// Free text, at most [`MEMO_BYTES_MAX`] bytes.
        note: String,
    },
    /// Replaces the account's authority.
    SetAuthority {
        /// The new one.
        authority: Authority,
    },
    /// Locks stake and registers, tops up or re-keys a validator.
    Bond {
        /// The key it signs votes with.
        consensus_key: PublicKey,
        /// Base units to lock.
        amount: Amount,
        /// `consensus_key`'s signature over [`possession_hash`].
        proof_of_possession: Signature,
    },
    /// Starts the release of stake.
    Unbond {
        /// Base units to release.
        amount: Amount,
    },
    /// Returns a validator that was left out for absence.
    Unjail,
}

/// A transaction as it travels: body and authorization.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Transaction {
    /// What the signatures cover.
    pub body: Body,
    /// Who authorizes it.
    pub authority: Authority,
    /// As many signatures over the transaction id as the authority asks for, in key order.
    pub signatures: Vec<Signature>,
}

/// The encoding of a transaction, shared cheaply.
///
/// Blocks carry transactions in this form, so that a wire id never depends on encoding again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub struct RawTransaction(pub Arc<[u8]>);

/// Why a transaction is malformed, whatever the state of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// Not the encoding of a transaction.
    #[error("transaction {0}")]
    Codec(#[from] CodecError),
    /// No action.
    #[error("no action, expected 1 to {ACTIONS_MAX}")]
    NoAction,
    /// The sender is named although the authority derives it.
    #[error("the sender is named although its authority derives it")]
    RedundantSender,
    /// A bond without the consensus key's own signature over [`possession_hash`].
    #[error("the proof of possession is not the consensus key's, for this account and network")]
    Possession,
    /// The signatures do not authorize the body.
    #[error("the signatures do not authorize this transaction")]
    Signature,
}

/// A transaction whose form and signatures were checked: by [`RawTransaction::verify`] and its
/// siblings for many at once, or before a checkpoint that stands for them
/// ([`RawTransaction::trust`]). Nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTransaction {
    transaction: Transaction,
    authority_hash: Hash,
    sender: AccountId,
    id: TransactionId,
    wire_id: WireId,
    raw: RawTransaction,
}

impl RawTransaction {
    /// Returns the wire id: the hash of these bytes.
    pub fn wire_id(&self) -> WireId {
        WireId(Hash::of(Context::WireTransaction, &[&self.0]))
    }

    /// Returns the wire id of each of `all`: many at a time cost less.
    pub fn wire_ids(all: &[Self]) -> Vec<WireId> {
        let inputs: Vec<&[u8]> = all.iter().map(|raw| &*raw.0).collect();
        let hashes = Hash::of_each(Context::WireTransaction, &inputs);
        hashes.into_iter().map(WireId).collect()
    }

    /// Decodes the transaction without checking its signatures.
    ///
    /// # Errors
    /// [`TransactionError`] if the bytes or the form are wrong.
    pub fn decode(&self) -> Result<Transaction, TransactionError> {
        let transaction: Transaction = decode::<_, TRANSACTION_BYTES_MAX>(&self.0)?;
        transaction.check_form()?;
        Ok(transaction)
    }
}

impl Body {
    /// Returns the id of this body on the network of `genesis`; it is what the signatures cover.
    pub fn id(&self, genesis: &Hash, sender: &AccountId) -> TransactionId {
        let parts: [&[u8]; 3] = [&genesis.0, &sender.0, &encode(self)];
        TransactionId(Hash::of(Context::Transaction, &parts))
    }
}

impl Transaction {
    /// Returns the account it acts for.
    pub fn sender(&self) -> AccountId {
        self.sender_under(&self.authority.hash())
    }

    /// Returns the account it acts for, where the hash of its authority is known.
    fn sender_under(&self, authority_hash: &Hash) -> AccountId {
        self.body.sender.unwrap_or(AccountId(authority_hash.0))
    }

    /// Encodes it for the wire.
    pub fn to_raw(&self) -> RawTransaction {
        RawTransaction(encode(self).into())
    }

    /// Checks what decoding leaves open: lengths are checked there.
    fn check_form(&self) -> Result<(), TransactionError> {
        if self.body.actions.is_empty() {
            return Err(TransactionError::NoAction);
        }
        if self.body.sender == Some(self.authority.account()) {
            return Err(TransactionError::RedundantSender);
        }
        Ok(())
    }
}

impl VerifiedTransaction {
    /// Returns the transaction.
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Returns the body.
    pub const fn body(&self) -> &Body {
        &self.transaction.body
    }

    /// Returns the hash of the authority that signed it.
    pub const fn authority_hash(&self) -> Hash {
        self.authority_hash
    }

    /// Returns the account it acts for.
    pub const fn sender(&self) -> AccountId {
        self.sender
    }

    /// Returns what the user means.
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// Returns what travels.
    pub const fn wire_id(&self) -> WireId {
        self.wire_id
    }

    /// Returns the encoding.
    pub const fn raw(&self) -> &RawTransaction {
        &self.raw
    }

    /// Returns the length of the encoding in bytes.
    pub fn size_bytes(&self) -> usize {
        self.raw.0.len()
    }
}

/// Returns what a consensus key signs to prove that the bonding account's owner holds it.
pub fn possession_hash(genesis: &Hash, account: &AccountId) -> Hash {
    Hash::of(Context::PossessionProof, &[&genesis.0, &account.0])
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for RawTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} bytes)", self.wire_id(), self.0.len())
    }
}
