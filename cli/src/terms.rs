//! What every command that makes a transaction lets the user decide.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::duration;

/// The flags of a transaction.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Terms {
    /// Text for people, public and for ever; at most 256 bytes.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) memo: String,
    /// Fee to offer; what the network asks for if left out.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) fee: Option<String>,
    /// How long it may be included; afterwards it never can be.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration::parse)]
    pub(crate) expires: Duration,
    /// A name of your own for this, on this network: a repeat sends the same transaction again; a
    /// new one only where the first is proven never to become final.
    #[arg(long, value_name = "TEXT")]
    pub(crate) id: Option<String>,
    /// Key to sign with, where it is not the sender's first one; may be repeated for a policy.
    #[arg(long = "signer", value_name = "NAME")]
    pub(crate) signers: Vec<String>,
    /// The sender's authority, where this machine does not know it: KEY or M:KEY,KEY,….
    #[arg(long, value_name = "AUTHORITY")]
    pub(crate) authority: Option<String>,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
}
