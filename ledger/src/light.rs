//! Checking a node's answers without trusting it: headers by certificates, all else by hashes.
//!
//! # From a trusted point to a header
//! A verifier begins at a [`Trusted`] point: the genesis, a [`Checkpoint`] that a person gave it,
//! or the last header it verified itself. Such a point names the validators that sign the next
//! block. One [`LightStep`] leads from it to a later header:
//! - *within the set*: the header names the very validators that the point vouches for, and more
//!   than two thirds of their power signed it. That is the way through an epoch, through any number
//!   of epochs in which nobody came or went, and to the last block of an epoch, which names the
//!   next set;
//! - *skipping*: the header names other validators. They come along, hash to what the header
//!   names, and more than two thirds of their power signed; and so did more than two thirds of the
//!   power that the point vouches for, in signatures by the very keys it vouches for. A validator
//!   that has another key now counts for nothing here: that the key is its own is only the claim of
//!   the header that is to be proven. Every key stands in a set once, and every signer in a
//!   certificate once, so no power counts twice.
//!
//! The set changes between epochs only; a header that says otherwise is refused, whoever signed it.
//!
//! # The trust period
//! Who has left may lie without loss once its stake is released. So a point vouches for its
//! validators only while *now − its block time* < `trust_period_ms`, which is less than the time
//! that stake stays liable; afterwards a checkpoint is needed ([`LightError::Expired`]).
//!
//! The validators of the genesis are the exception: whoever names them, the genesis or a later
//! header, vouches for them at any age. So the genesis is enough for a network whose validators
//! never changed, and for the length of the trust period after the block in which they handed over
//! to others: from then on it is that block's own time which counts. What this cannot show: where
//! more than two thirds of the first validators have left long ago and turn on the network, they
//! can write another history that begins at the genesis. Against that stand the last verified
//! header, which is kept, and a checkpoint.
//!
//! Now is handed in. A header more than [`CLOCK_DRIFT_MS`] ahead of it is refused: a time in the
//! far future would stretch the trust period as far.
//!
//! # Never back, never two
//! A point never goes back behind its height. Older blocks are looked up from it: the validators it
//! vouches for signed them as well, or they are ancestors of its header ([`Trusted::look_back`],
//! [`Descent`]); what others signed who have left proves nothing any more. Two certified blocks of
//! one height are an attack by a third of the power or more: [`LightError::Conflict`] carries both.
//!
//! # What a header proves
//! Accounts, records and stakes by a proof of the state, present and absent alike; transactions by
//! their place in the block, or by the history of the account that made them, which also proves
//! that one never happened ([`verify_history`]). A [`Receipt`] holds all of it in one file.

mod checkpoint;
mod error;
mod file;
mod fork;
mod past;
mod path;
mod proof;
mod receipt;
mod saved;
mod step;
mod trusted;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::{Conflict, LightError, SetRole};
pub use file::FileError;
pub use fork::{Compared, OwnBlock};
pub use past::Descent;
pub use path::{PATH_BYTES_MAX, PATH_STEPS_MAX, PathError, path};
pub use proof::{
    HISTORY_IDS_MAX, HistoryProof, Past, verify_account, verify_history, verify_record,
    verify_stake, verify_transaction,
};
pub use receipt::{
    Anchor, Fact, Judge, Proven, RECEIPT_BYTES_MAX, Receipt, STEPS_MAX, Start, Subject,
};
pub use saved::SAVED_BYTES_MAX;
pub use step::LightStep;
pub use trusted::{CLOCK_DRIFT_MS, Trusted};

use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::genesis::Genesis;
use crate::keys::SignatureScheme;

/// Checks that the validators of `genesis` made the block of `header` final.
///
/// # Errors
/// [`LightError`] names the first broken rule.
pub fn verify_header(
    scheme: &dyn SignatureScheme,
    genesis: &Genesis,
    header: &BlockHeader,
    certificate: &CommitCertificate,
) -> Result<(), LightError> {
    let step = LightStep::plain(header.clone(), certificate.clone());
    Trusted::genesis(genesis)?.follow(scheme, &step, None)?;
    Ok(())
}

#[cfg(test)]
mod tests;
