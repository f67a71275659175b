//! Why a transaction does not enter the mempool.

use starling_ledger::transaction::{Amount, Nonce};

/// Why a transaction does not enter. All of them depend on the state of this node, so none is a
/// fault of the peer that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MempoolError {
    /// It is here already.
    #[error("already known")]
    Known,
    /// The account has used this nonce.
    #[error("nonce {found} is used, the next one is {next}")]
    NonceUsed {
        /// The nonce of the transaction.
        found: Nonce,
        /// The account's next one.
        next: Nonce,
    },
    /// The nonce runs too far ahead.
    #[error("nonce {found} is too far ahead, the next one is {next}")]
    NonceGap {
        /// The nonce of the transaction.
        found: Nonce,
        /// The account's next one.
        next: Nonce,
    },
    /// Another transaction with this nonce waits, and the fee is not enough higher.
    #[error(
        "nonce {nonce} is taken by a waiting transaction; replacing it needs a fee of {needed_base}"
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
    /// It has expired.
    #[error("expired")]
    Expired,
}

impl MempoolError {
    /// Returns a stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::NonceUsed { .. } => "nonce_used",
            Self::NonceGap { .. } => "nonce_gap",
            Self::Underpriced { .. } => "underpriced",
            Self::SenderFull { .. } => "sender_full",
            Self::Full => "mempool_full",
            Self::Expired => "expired",
        }
    }
}
