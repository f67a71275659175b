//! The state: one map from keys to values, and one hash that commits to all of it.
//!
//! The commitment is a paged Merkle trie, a function of the content alone. It is a binary trie over
//! the hashed keys. A subtree whose entries encode to at most [`PAGE_BYTES_MAX`] is a *page*,
//! hashed over its entries in the order of their keys; a larger one is split by the next bit. A
//! single entry is a page whatever its size, so that a large value stands alone. Pages are stored;
//! the nodes above them are kept in memory and rebuilt at start from the stored page hashes.
//!
//! Keys that were ground to begin alike only deepen their corner: a page is at most 256 bits deep,
//! because two keys with one hash would be a collision of BLAKE3.
//!
//! # Invariants
//! - An inner node never stands over two pages that fit into one, or over an empty page and
//!   another: entries that are deleted or shrink join subtrees again.
//! - A [`State`] never changes. Versions share what they have in common.
//! - Empty page, page and inner node have hashes of three kinds ([`Hash::ZERO`] and two contexts).
//!
//! # Limits
//! Keys have at most [`KEY_BYTES_MAX`], values at most [`VALUE_BYTES_MAX`]. Memory is 112 bytes per
//! page for the trie, the pages written since the last snapshot, and a cache of 64 MiB.

mod cache;
mod chunk;
mod chunks;
mod page;
mod path;
mod proof;
mod store;
mod tiling;
mod trie;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use cache::BYTES as PAGE_CACHE_BYTES;
pub use chunk::{
    CHUNK_BYTES_MAX, CHUNK_CONTENT_BYTES_MAX, ChunkError, ChunkSummary, ProvenChunk, StateChunk,
};
pub use chunks::Chunks;
use page::Page;
pub use page::{KEY_BYTES_MAX, PAGE_BYTES_MAX, VALUE_BYTES_MAX};
pub use path::{DEPTH_MAX, Path as StatePath};
use path::{Path, position, positions};
pub use proof::{PROOF_BYTES_MAX, ProofError, StateProof};
use store::{Pages, rebuild};
pub use tiling::{TilingError, tiled_root};
use trie::Link;
use update::{TOGETHER_MAX, Update};

use crate::hash::Hash;
use crate::storage::{Storage, StorageError, View, WriteBatch};

/// One version of the state. Cloning it is cheap, and it is never changed.
#[derive(Clone)]
pub struct State {
    trie: Link,
    pages: Pages,
}

/// The values of some keys, in their order.
pub type Values = Vec<Option<Vec<u8>>>;

/// What an update leads to.
#[derive(Clone, Debug)]
pub struct StateUpdate {
    /// The new version, which keeps its changed pages in memory until [`State::settled`].
    pub state: State,
    /// Its root.
    pub root: Hash,
    /// What must be written, in one batch with the block, for the storage to hold the new version
    /// where it held the old one.
    pub writes: WriteBatch,
}

/// Why the state cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The disk cannot be read, or does not hold what was written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A key or value is longer than the state takes.
    #[error("an entry with a key of {key_bytes} and a value of {value_bytes} bytes")]
    EntrySize {
        /// Length of the key.
        key_bytes: usize,
        /// Length of the value.
        value_bytes: usize,
    },
}

impl StateError {
    /// Says whether every node meets this error for the same update: then the update is at fault.
    /// Otherwise this node is, and it must stop.
    #[must_use]
    pub const fn is_deterministic(&self) -> bool {
        match self {
            Self::Storage(_) => false,
            Self::EntrySize { .. } => true,
        }
    }
}

impl State {
    /// The version that `storage` holds now; empty for a fresh storage.
    ///
    /// Reads all page hashes.
    ///
    /// # Errors
    /// [`StateError::Storage`] where they cannot be read, or are not those of a trie.
    pub fn open(storage: &Arc<dyn Storage>) -> Result<Self, StateError> {
        Self::open_within(storage, PAGE_CACHE_BYTES)
    }

    /// Like [`State::open`], with so many bytes of memory for pages written lately.
    ///
    /// # Errors
    /// Those of [`State::open`].
    pub fn open_within(storage: &Arc<dyn Storage>, cache_bytes: usize) -> Result<Self, StateError> {
        let view = storage.snapshot()?;
        Ok(Self {
            trie: rebuild(view.as_ref())?,
            pages: Pages::new(view, cache_bytes),
        })
    }

    /// The version without any entry, over a storage that holds no page.
    #[must_use]
    pub fn empty(view: Arc<dyn View>) -> Self {
        Self {
            trie: Link::EMPTY,
            pages: Pages::new(view, PAGE_CACHE_BYTES),
        }
    }

    /// Returns the hash that commits to all entries; [`Hash::ZERO`] where there is none.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.trie.hash
    }

    /// Returns the value of `key`, for one page read.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let (link, path) = self.trie.find(&position(key));
        let page = self.pages.read(&path, link)?;
        Ok(page.get(key).map(<[u8]>::to_vec))
    }

    /// Returns the values of `keys` in their order: each page is read once, all of them together.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Values, StateError> {
        let mut values = vec![None; keys.len()];
        self.visit_many(keys, |index, value| set(&mut values, index, value))?;
        Ok(values)
    }

    /// Shows the value of each of `keys` that has one to `visit`, with its index among them, in no
    /// order: each page is read once, all of them together.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    pub fn visit_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        visit: impl FnMut(usize, &[u8]),
    ) -> Result<(), StateError> {
        self.read_all(keys, visit, |_, _| ())
    }

    /// Returns the same version with the pages of `keys` in memory, and the values of `keys` in
    /// their order; the pages are read all at once.
    ///
    /// Execution names the accounts of a block first: then it reads each page once for the values
    /// and for the update together.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    pub fn prefetch<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<(Self, Values), StateError> {
        let mut read = Vec::with_capacity(keys.len());
        let mut values = vec![None; keys.len()];
        self.read_all(
            keys,
            |index, value| set(&mut values, index, value),
            |path, page| read.push((path, page)),
        )?;
        let state = Self {
            trie: self.trie.clone(),
            pages: self.pages.with(&[], read.into_iter()),
        };
        Ok((state, values))
    }

    /// Shows the values of `keys` to `visit_value`, and their pages to `visit_page`.
    fn read_all<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        mut visit_value: impl FnMut(usize, &[u8]),
        mut visit_page: impl FnMut(Path, Page),
    ) -> Result<(), StateError> {
        let mut located: Vec<(Hash, usize)> = positions(keys).into_iter().zip(0..).collect();
        located.sort_unstable();
        for located in located.chunks(TOGETHER_MAX) {
            let positions: Vec<_> = located.iter().map(|(position, _)| *position).collect();
            let found = self.trie.find_all(Path::ROOT, &positions);
            let pages = self.pages.read_many(&found)?;
            let mut located = located.iter();
            for (one, page) in found.iter().zip(pages) {
                for (_, index) in located.by_ref().take(one.positions) {
                    let key = keys.get(*index).map(AsRef::as_ref);
                    if let Some(value) = key.and_then(|key| page.get(key)) {
                        visit_value(*index, value);
                    }
                }
                if !page.is_empty() {
                    visit_page(one.path, page);
                }
            }
        }
        Ok(())
    }

    /// Shows every entry to `visit`, in the order of the trie, and so checks every stored page
    /// against the root.
    ///
    /// # Errors
    /// [`StateError::Storage`] at the first page that is not what the root commits to.
    pub fn visit(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), StateError> {
        let mut show = |page: &Page| {
            for (key, value) in page.entries() {
                visit(key, value);
            }
        };
        Ok(self.pages.visit(&Path::ROOT, &self.trie, &mut show)?)
    }

    /// Proves the value of `key`, or that it has none.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    pub fn prove(&self, key: &[u8]) -> Result<StateProof, StateError> {
        let position = position(key);
        let (link, path) = self.trie.find(&position);
        let page = self.pages.read(&path, link)?;
        Ok(StateProof::new(page, self.trie.siblings(&position)))
    }

    /// Sets the keys that come with a value and deletes those that come without.
    ///
    /// # Errors
    /// [`StateError::EntrySize`] where an entry is too large, [`StateError::Storage`].
    pub fn update(
        &self,
        changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<StateUpdate, StateError> {
        for (key, value) in changes {
            let (key_bytes, value_bytes) = (key.len(), value.as_ref().map_or(0, Vec::len));
            if key_bytes > KEY_BYTES_MAX || value_bytes > VALUE_BYTES_MAX {
                return Err(StateError::EntrySize {
                    key_bytes,
                    value_bytes,
                });
            }
        }
        let (trie, update) = Update::run(&self.pages, &self.trie, changes)?;
        let (pages, writes) = update.finish();
        let state = Self { trie, pages };
        Ok(StateUpdate {
            root: state.root(),
            state,
            writes,
        })
    }

    /// Returns the same version, read from `view`, without the pages it kept in memory.
    ///
    /// `view` must hold this version: it is a snapshot taken after the writes of this version and
    /// before those of another. Where it is not, reads say that the data is corrupt.
    #[must_use]
    pub fn settled(&self, view: Arc<dyn View>) -> Self {
        Self {
            trie: self.trie.clone(),
            pages: self.pages.settled(view),
        }
    }
}

fn set(values: &mut Values, index: usize, value: &[u8]) {
    if let Some(place) = values.get_mut(index) {
        *place = Some(value.to_vec());
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?})", self.root())
    }
}
