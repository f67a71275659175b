//! Why a validator may have signed what it does not know of: each of these begins a watch.

use starling_ledger::vote::{Height, Round};

/// A reason to watch before signing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// The guard is not there, although something was signed here before.
    #[error("the sign guard of this folder is missing")]
    GuardMissing,
    /// The guard cannot be read.
    #[error("the sign guard of this folder is damaged ({reason})")]
    GuardDamaged {
        /// How.
        reason: String,
    },
    /// The guard was written to another file: it is as old as the copy.
    #[error("the sign guard of this folder is a copy, and may be older than the original")]
    GuardCopied,
    /// The log holds messages that nobody has signed on this network.
    #[error("the consensus log of this folder is not of this network")]
    LogForeign,
    /// The folder knows of no signature, and the network is not at its beginning.
    #[error("this folder is new, and the network is not")]
    FolderNew,
    /// A signature of the own key turned up that the guard does not know.
    #[error("a signature of this validator for block {height}, round {round}, is not known here")]
    SignatureUnknown {
        /// The height signed.
        height: Height,
        /// The round signed.
        round: Round,
    },
    /// Another process with this key answered.
    #[error("another process runs with this validator's key")]
    SecondProcess,
    /// The watch of an earlier run was not over.
    #[error("an earlier watch was interrupted")]
    WatchInterrupted,
}

impl Doubt {
    /// A stable word for programs: the label of a metric.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::GuardMissing => "guard_missing",
            Self::GuardDamaged { .. } => "guard_damaged",
            Self::GuardCopied => "guard_copied",
            Self::LogForeign => "log_foreign",
            Self::FolderNew => "folder_new",
            Self::SignatureUnknown { .. } => "signature_unknown",
            Self::SecondProcess => "second_process",
            Self::WatchInterrupted => "watch_interrupted",
        }
    }
}
