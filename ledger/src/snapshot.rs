//! Snapshots: the state at one height, with what it takes to believe it and to go on from it.
//!
//! A snapshot is a [`SnapshotManifest`] and the chunks it lists ([`crate::state::StateChunk`]). The
//! manifest holds a header with its certificate, the validators that signed it and those that sign
//! the next block, and says of each chunk where it stands, what commits to it and how large it is.
//! It needs no trust:
//! - the certificate proves the header, for whoever knows the validators or the block's hash
//!   ([`Anchor`]);
//! - the header names both sets of validators and the root of the state;
//! - the list of chunks leads to that root before any of them was seen;
//! - each chunk leads to that root by itself, in any order.
//!
//! Making and checking are pure; the shells bring the files. Nothing in a snapshot names a file, so
//! no name in it can lead anywhere. What a node signed, its consensus log and its sign guard, is
//! never part of a snapshot.
//!
//! # Invariants
//! - A snapshot is a function of the height and of the certificate seen: the chunks of two nodes
//!   are the same bytes.
//! - What is written is complete or nothing: [`Restoration`] gives its storage a tip last.
//!
//! # Limits
//! A manifest has at most [`MANIFEST_BYTES_MAX`], a chunk at most
//! [`CHUNK_BYTES_MAX`](crate::state::CHUNK_BYTES_MAX).

mod checklist;
mod error;
mod manifest;
mod restoration;
#[cfg(test)]
mod tests;

pub use checklist::Checklist;
pub use error::SnapshotError;
pub use manifest::{
    Anchor, MANIFEST_BYTES_MAX, MANIFEST_CHUNKS_MAX, MANIFEST_VERSION, SnapshotManifest,
    VerifiedManifest,
};
pub use restoration::Restoration;

use crate::certificate::CommitCertificate;
use crate::execution::Tip;
use crate::state::{ChunkSummary, Chunks};

/// Cuts the state of `tip` into chunks, in the order of the trie.
///
/// The summaries it comes with are those of the manifest, which is made last, by [`manifest_of`].
#[must_use]
pub fn chunks_of(tip: &Tip) -> Chunks<'_> {
    tip.state.chunks()
}

/// Makes the manifest of the snapshot after the block of `tip`, which `certificate` is of; `None`
/// for the genesis, of which everybody has the state.
#[must_use]
pub fn manifest_of(
    tip: &Tip,
    certificate: CommitCertificate,
    chunks: Vec<ChunkSummary>,
) -> Option<SnapshotManifest> {
    let sets = (
        tip.signed_by.as_ref().clone(),
        tip.validators.as_ref().clone(),
    );
    Some(SnapshotManifest::new(
        tip.header.clone()?,
        certificate,
        sets,
        chunks,
    ))
}
