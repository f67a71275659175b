//! Lists of chunks: what a list of subtrees, without any of them, commits to.
//!
//! A list is right if its subtrees tile the trie: they stand in its order, none within another,
//! hash up to the root with nothing in the gaps, and each is as large as a chunk may be. So a list
//! that leads to a certified root names every entry of that state once, before a chunk is fetched.

use super::chunk::{CHUNK_CONTENT_BYTES_MAX, ChunkSummary};
use super::path::Path;
use super::trie::branch_hash;
use crate::hash::Hash;

/// Why a list of chunks is none of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TilingError {
    /// A chunk twice, within another, or out of order.
    #[error("the chunk at {path} overlaps another or is out of order")]
    Order {
        /// Where it stands.
        path: Path,
    },
    /// A chunk that is empty, too large, or has more entries than fit into its bytes.
    #[error("the chunk at {path} has impossible counts")]
    Counts {
        /// Where it stands.
        path: Path,
    },
    /// Chunks that are one.
    #[error("the chunks below {path} fit into one")]
    Split {
        /// Where that one would stand.
        path: Path,
    },
}

/// The chunks that were not looked at yet.
type Rest<'a> = std::iter::Peekable<std::slice::Iter<'a, ChunkSummary>>;

/// Returns the root of the state that `chunks` are the list of.
///
/// # Errors
/// [`TilingError`] where no state has such a list.
pub fn tiled_root(chunks: &[ChunkSummary]) -> Result<Hash, TilingError> {
    if let Some(chunk) = chunks.iter().find(|chunk| !chunk.is_possible()) {
        return Err(TilingError::Counts { path: chunk.path });
    }
    let pairs = chunks.iter().zip(chunks.iter().skip(1));
    for (left, right) in pairs {
        let (left, right) = (left.path, right.path);
        if left >= right || left.is_prefix_of(&right) {
            return Err(TilingError::Order { path: right });
        }
    }
    let mut rest = chunks.iter().peekable();
    let (root, _) = subtree(&mut rest, Path::ROOT)?;
    match rest.next() {
        Some(chunk) => Err(TilingError::Order { path: chunk.path }),
        None => Ok(root),
    }
}

/// Takes the chunks below `path` off the list; returns hash and bytes of the subtree of them.
fn subtree(rest: &mut Rest<'_>, path: Path) -> Result<(Hash, u64), TilingError> {
    let Some(chunk) = rest.peek().filter(|chunk| path.is_prefix_of(&chunk.path)) else {
        return Ok((Hash::ZERO, 0));
    };
    if chunk.path == path {
        let whole = (chunk.hash, u64::from(chunk.content_bytes));
        rest.next();
        return Ok(whole);
    }
    let (left, left_bytes) = subtree(rest, path.child(false))?;
    let (right, right_bytes) = subtree(rest, path.child(true))?;
    let bytes = left_bytes.saturating_add(right_bytes);
    if bytes <= CHUNK_CONTENT_BYTES_MAX as u64 {
        return Err(TilingError::Split { path });
    }
    Ok((branch_hash(&left, &right), bytes))
}
