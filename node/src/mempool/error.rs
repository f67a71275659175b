//! Why a transaction does not enter the mempool.

use starling_ledger::execution::ApplyError;
use starling_ledger::transaction::{Amount, Nonce};

/// Why a transaction does not enter. All of them depend on the state of this node, so none is a
/// fault of the peer that sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MempoolError {
    /// It is here already.
    #[error("already known")]
    Known,
    /// Another transaction with this nonce waits, and the fee is not enough higher.
    #[error(
        "nonce {nonce} is taken by a waiting transaction; replacing it needs a fee of \
         {needed_base} base units"
    )]
    Underpriced {
        /// The nonce.
        nonce: Nonce,
        /// The least fee that replaces it, base units.
        needed_base: Amount,
    },
    /// The sender has too many waiting.
    #[error("the sender has {count} transactions waiting, which is the limit")]
    SenderFull {
        /// How many wait.
        count: usize,
    },
    /// The pool is full of transactions that pay more.
    #[error("the mempool is full of transactions that pay more")]
    Full,
    /// What waits of the sender is being run anew.
    #[error("what waits of the sender is being checked; try again")]
    Unsettled,
    /// Some of its sender's have to go first, and could be paid: at most [`super::GAP_MAX`].
    #[error("nonce {nonce}, the account's next is {due}")]
    Early {
        /// Its nonce.
        nonce: Nonce,
        /// The one that is due.
        due: Nonce,
    },
    /// Too many of its sender's have to go first.
    #[error("nonce {nonce} is too far ahead, the next one is {due}")]
    NonceGap {
        /// Its nonce.
        nonce: Nonce,
        /// The one that is due.
        due: Nonce,
    },
    /// There is no place to wait for what has to go first.
    #[error("too many transactions wait to be checked; try again")]
    Busy,
    /// It does not apply behind what waits of its sender.
    #[error(transparent)]
    Inapplicable(#[from] ApplyError),
    /// Whether it applies cannot be told, which should not happen.
    #[error("it cannot be told whether it applies: {reason}")]
    Unknown {
        /// What is missing.
        reason: String,
    },
}

impl MempoolError {
    /// Returns a stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Underpriced { .. } => "underpriced",
            Self::SenderFull { .. } => "sender_full",
            Self::Full => "mempool_full",
            Self::Unsettled | Self::Busy => "busy",
            Self::Early { .. } | Self::NonceGap { .. } => "nonce_gap",
            Self::Inapplicable(error) => error.code(),
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Says whether the transaction may enter after other blocks.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Inapplicable(error) => error.may_pass(),
            Self::NonceGap { .. } | Self::Early { .. } | Self::Unsettled => true,
            Self::Known
            | Self::Underpriced { .. }
            | Self::SenderFull { .. }
            | Self::Full
            | Self::Busy
            | Self::Unknown { .. } => false,
        }
    }
}
