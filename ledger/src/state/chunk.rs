//! Chunks: aligned subtrees of the state with the hashes beside their way up, each of which is
//! proven by the state root alone, in any order.
//!
//! A chunk holds the entries of its subtree as the bytes of the subtree's pages, one page after the
//! other in the order of the trie. Where a page ends is not written down: the shape is a function
//! of the content, so whoever checks a chunk splits the entries by the rule of the shape, and finds
//! the pages that hash to the root or none that do. A chunk can lie about nothing but its content,
//! and has one encoding.
//!
//! Which subtrees are chunks is a function of the content too: the largest ones whose pages are at
//! most [`CHUNK_CONTENT_BYTES_MAX`] together. So all nodes make the same chunks of a state.
//!
//! # Limits
//! A chunk encodes to at most [`CHUNK_BYTES_MAX`]. To check one takes a hash per entry and per
//! page, and about ten times its size in memory at the worst.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::page::{Entries, KEY_BYTES_MAX, PAGE_BYTES_MAX, Page, VALUE_BYTES_MAX, entry_bytes};
use super::path::{DEPTH_MAX, Path, position};
use super::store::put_page;
use super::trie::{branch_hash, halves};
use crate::codec::{CodecError, bytes, decode, list, refuse};
use crate::hash::Hash;
use crate::storage::WriteBatch;

/// Most bytes of an encoded chunk. Issue: 1 MiB.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of the pages of a chunk: what [`CHUNK_BYTES_MAX`] leaves when path and siblings are
/// as long as they can be, which is 8.3 KiB. Our choice: a round number, part of the format.
pub const CHUNK_CONTENT_BYTES_MAX: usize = CHUNK_BYTES_MAX - 16 * 1024;

/// Bytes of the three lengths in an encoded chunk.
const LENGTHS_BYTES: usize = 3 * 8;
/// Fewest bytes of an entry: its two lengths.
const ENTRY_BYTES_MIN: u32 = 6;

/// A subtree of the state and what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct StateChunk {
    path: Path,
    /// The hashes beside the way, from the subtree up.
    siblings: Vec<Hash>,
    /// The pages of the subtree, in the order of the trie.
    content: Vec<u8>,
}

/// What a list of chunks says of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChunkSummary {
    /// Where the subtree stands.
    pub path: Path,
    /// What commits to it.
    pub hash: Hash,
    /// Bytes of its pages.
    pub content_bytes: u32,
    /// Its entries.
    pub entries: u32,
}

/// A chunk that is part of the state with a known root.
#[derive(Clone, Debug)]
pub struct ProvenChunk {
    /// Which subtree it is.
    pub summary: ChunkSummary,
    /// What must be written for a storage to hold its pages.
    pub writes: WriteBatch,
}

/// Why bytes are no chunk of a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// Not the encoding of a chunk.
    #[error("a chunk that is {0}")]
    Codec(#[from] CodecError),
    /// A chunk of nothing.
    #[error("a chunk without an entry")]
    Empty,
    /// The content ends within an entry, or a key or value is too long.
    #[error("a chunk with an entry that is cut, or has a key or value above the limit")]
    Entry,
    /// An entry that belongs into another chunk.
    #[error("a chunk with a key from elsewhere")]
    Foreign,
    /// Entries stand twice or out of order.
    #[error("a chunk whose entries are out of order")]
    Order,
    /// Hashing up from the subtree leads to another root.
    #[error("a chunk of another state, or with altered content")]
    Root,
}

/// An entry and its position.
#[derive(Clone, Copy)]
struct Located<'a> {
    position: Hash,
    key: &'a [u8],
    value: &'a [u8],
}

/// The pages of a subtree, in the order of the trie.
#[derive(Default)]
struct Built {
    pages: Vec<(Path, Page, Hash)>,
}

impl StateChunk {
    /// Makes a chunk of the pages of a subtree; `siblings` from the subtree up.
    pub(super) const fn new(path: Path, siblings: Vec<Hash>, content: Vec<u8>) -> Self {
        Self {
            path,
            siblings,
            content,
        }
    }

    /// Decodes a chunk. That it is part of a state only [`StateChunk::prove`] says.
    ///
    /// # Errors
    /// [`ChunkError::Codec`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ChunkError> {
        Ok(decode::<_, CHUNK_BYTES_MAX>(bytes)?)
    }

    /// Returns where it stands.
    #[must_use]
    pub const fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that this is the subtree of the state with this `root` at its path.
    ///
    /// # Errors
    /// [`ChunkError`] names what is wrong.
    pub fn prove(&self, root: &Hash) -> Result<ProvenChunk, ChunkError> {
        let mut entries = self.located()?;
        let count = u32::try_from(entries.len()).map_err(|_| ChunkError::Entry)?;
        let content_bytes = u32::try_from(self.content.len()).map_err(|_| ChunkError::Entry)?;
        entries.sort_unstable_by_key(|entry| entry.position);
        if !entries.is_sorted_by(|left, right| left.position < right.position) {
            return Err(ChunkError::Order);
        }
        let mut built = Built::default();
        let hash = built.subtree(self.path, &entries);
        if !built.is_concatenated_in(&self.content) {
            return Err(ChunkError::Order);
        }
        if self.root_above(hash) != *root {
            return Err(ChunkError::Root);
        }
        let summary = ChunkSummary {
            path: self.path,
            hash,
            content_bytes,
            entries: count,
        };
        let writes = built.writes();
        Ok(ProvenChunk { summary, writes })
    }

    /// Parses the entries and hashes their keys.
    fn located(&self) -> Result<Vec<Located<'_>>, ChunkError> {
        let mut entries = Entries::new(&self.content);
        let mut located = Vec::new();
        for (key, value) in entries.by_ref() {
            if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
                return Err(ChunkError::Entry);
            }
            let position = position(key);
            if !self.path.contains(&position) {
                return Err(ChunkError::Foreign);
            }
            located.push(Located {
                position,
                key,
                value,
            });
        }
        if !entries.rest().is_empty() {
            return Err(ChunkError::Entry);
        }
        match located.is_empty() {
            true => Err(ChunkError::Empty),
            false => Ok(located),
        }
    }

    /// Hashes from the subtree up.
    fn root_above(&self, hash: Hash) -> Hash {
        let depths = (0..self.siblings.len()).rev();
        let steps = self.siblings.iter().zip(depths);
        steps.fold(hash, |hash, (sibling, depth)| {
            match self.path.is_right_at(depth) {
                true => branch_hash(sibling, &hash),
                false => branch_hash(&hash, sibling),
            }
        })
    }
}

impl<C> Decode<C> for StateChunk {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let chunk = Self {
            path: Decode::decode(decoder)?,
            siblings: list(decoder, DEPTH_MAX, "siblings")?,
            content: bytes(decoder, CHUNK_CONTENT_BYTES_MAX, "content")?,
        };
        if chunk.siblings.len() != chunk.path.depth() {
            return Err(refuse("a chunk without a sibling for each bit of its path"));
        }
        Ok(chunk)
    }
}

bincode::impl_borrow_decode!(StateChunk);

impl ChunkSummary {
    /// Returns the bytes of the encoded chunk.
    #[must_use]
    pub fn encoded_bytes(&self) -> u64 {
        let around = LENGTHS_BYTES + self.path.to_key().len() + 32 * self.path.depth();
        around as u64 + u64::from(self.content_bytes)
    }

    /// Says whether a chunk can have these counts.
    pub(super) fn is_possible(&self) -> bool {
        let content_bytes = usize::try_from(self.content_bytes).unwrap_or(usize::MAX);
        content_bytes <= CHUNK_CONTENT_BYTES_MAX
            && self.entries > 0
            && self.entries <= self.content_bytes / ENTRY_BYTES_MIN
    }
}

impl Built {
    /// Makes the pages of `entries`, which ascend strictly by position and lie below `path`, and
    /// returns the hash of the subtree.
    ///
    /// Two neighbouring pages are never to be joined: what is split here does not fit into one.
    fn subtree(&mut self, path: Path, entries: &[Located<'_>]) -> Hash {
        let bytes = entries
            .iter()
            .map(|entry| entry_bytes(entry.key, entry.value));
        // At the greatest depth several entries would be a collision of BLAKE3.
        let single = entries.len() <= 1 || path.depth() >= DEPTH_MAX;
        if single || bytes.sum::<usize>() <= PAGE_BYTES_MAX {
            let mut sorted: Vec<_> = entries
                .iter()
                .map(|entry| (entry.key, entry.value))
                .collect();
            sorted.sort_unstable();
            let link_page = Page::of(&sorted);
            let hash = link_page.hash();
            if !link_page.is_empty() {
                self.pages.push((path, link_page, hash));
            }
            return hash;
        }
        let (left, right) = halves(entries, path.depth(), |entry| &entry.position);
        let left = self.subtree(path.child(false), left);
        let right = self.subtree(path.child(true), right);
        branch_hash(&left, &right)
    }

    fn is_concatenated_in(&self, mut content: &[u8]) -> bool {
        for (_, page, _) in &self.pages {
            match content.strip_prefix(&page.as_bytes()[..]) {
                Some(rest) => content = rest,
                None => return false,
            }
        }
        content.is_empty()
    }

    fn writes(self) -> WriteBatch {
        let mut writes = WriteBatch::new();
        for (path, page, hash) in &self.pages {
            put_page(&mut writes, path, page, hash);
        }
        writes
    }
}
