//! Why a transaction that waited no longer does.

use starling_ledger::execution::ApplyError;
use starling_ledger::transaction::{Nonce, TransactionId};

use super::MempoolError;

/// Why a transaction leaves without a block. It tells of this node's mempool alone: only
/// [`Departure::Expired`] says that no block anywhere can hold it any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Departure {
    /// The chain's time is past what it allows.
    #[error("expired: no block can hold it any more")]
    Expired,
    /// Its sender offered more for another one with the same nonce.
    #[error("replaced by {by}, which offers more for the same nonce")]
    Replaced {
        /// The other one.
        by: TransactionId,
    },
    /// The mempool is full, and others pay more.
    #[error("the mempool is full, and another sender pays more")]
    Evicted,
    /// A block holds another transaction with its nonce.
    #[error("a block holds another transaction of its sender with the same nonce")]
    NonceUsed,
    /// One that it follows has left.
    #[error("it follows nonce {nonce} of its sender, which has left")]
    Behind {
        /// The nonce of that one.
        nonce: Nonce,
    },
    /// A block changed what it needs.
    #[error("it no longer applies: {0}")]
    Inapplicable(ApplyError),
    /// It was held back for one with a lower nonce, and does not enter behind it.
    #[error("it was held back, and does not enter: {0}")]
    Refused(MempoolError),
}

/// A transaction that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which one.
    pub id: TransactionId,
    /// Why.
    pub why: Departure,
}

impl Departure {
    /// Names why one that was held back does not enter.
    pub fn of_refusal(error: MempoolError) -> Self {
        match error {
            MempoolError::Inapplicable(ApplyError::Expired { .. }) => Self::Expired,
            MempoolError::Inapplicable(ApplyError::Nonce { expected, found })
                if found < expected =>
            {
                Self::NonceUsed
            }
            error => Self::Refused(error),
        }
    }

    /// Returns a stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Replaced { .. } => "replaced",
            Self::Evicted => "evicted",
            Self::NonceUsed => "nonce_used",
            Self::Behind { .. } => "behind",
            Self::Inapplicable(error) => error.code(),
            Self::Refused(error) => error.code(),
        }
    }
}
