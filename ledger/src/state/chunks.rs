//! Cutting a state into chunks, one after the other.

use std::iter::FusedIterator;

use super::chunk::{CHUNK_CONTENT_BYTES_MAX, ChunkSummary, StateChunk};
use super::path::Path;
use super::trie::{Found, Link, Node, PageSize};
use super::{State, StateError};
use crate::hash::Hash;
use crate::storage::StorageError;

/// Iterates over the chunks of a state in the order of the trie, with what a list says of each.
///
/// Reads one chunk at a time; memory is that chunk and the way to it. Ends after the first error.
pub struct Chunks<'a> {
    state: &'a State,
    /// Subtrees to come, the next one last, with the hash of the one beside.
    ahead: Vec<(Path, &'a Link, Option<Hash>)>,
    /// The hashes beside the way to the subtree at hand, from the root down.
    siblings: Vec<Hash>,
}

/// The pages of a subtree that fits into a chunk.
struct Fitting {
    pages: Vec<Found>,
    bytes: usize,
}

impl State {
    /// Cuts this version into chunks: the largest subtrees that fit into one.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks {
            state: self,
            ahead: vec![(Path::ROOT, &self.trie, None)],
            siblings: Vec::new(),
        }
    }

    /// Returns about how many bytes its pages have: those with a single large entry are counted as
    /// a page at the limit. Reads nothing.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let mut ahead = vec![&self.trie];
        let mut sum = 0u64;
        while let Some(link) = ahead.pop() {
            match &link.node {
                Node::Empty => {}
                Node::Page { size } => sum = sum.saturating_add(u64::from(size.0)),
                Node::Branch(branch) => ahead.extend([&branch.left, &branch.right]),
            }
        }
        sum
    }

    /// Returns the pages below `link`, or `None` where they are too many for a chunk.
    fn fitting(&self, path: &Path, link: &Link) -> Result<Option<Fitting>, StorageError> {
        let mut pages = Vec::new();
        let mut bytes = 0;
        let mut ahead = vec![(*path, link)];
        while let Some((path, link)) = ahead.pop() {
            match &link.node {
                Node::Empty => {}
                Node::Page { size } => {
                    bytes += self.page_bytes(&path, link, *size)?;
                    if bytes > CHUNK_CONTENT_BYTES_MAX {
                        return Ok(None);
                    }
                    pages.push(Found {
                        path,
                        hash: link.hash,
                        positions: 0,
                    });
                }
                Node::Branch(branch) => {
                    ahead.push((path.child(true), &branch.right));
                    ahead.push((path.child(false), &branch.left));
                }
            }
        }
        Ok(Some(Fitting { pages, bytes }))
    }

    /// Returns the bytes of a page, which is read only where its entry is a large one.
    fn page_bytes(&self, path: &Path, link: &Link, size: PageSize) -> Result<usize, StorageError> {
        if size < PageSize::OVER {
            return Ok(usize::from(size.0));
        }
        Ok(self.pages.read(path, link)?.as_bytes().len())
    }
}

impl Chunks<'_> {
    fn advance(&mut self) -> Result<Option<(ChunkSummary, StateChunk)>, StorageError> {
        while let Some((path, link, sibling)) = self.ahead.pop() {
            self.siblings.truncate(path.depth().saturating_sub(1));
            self.siblings.extend(sibling);
            if matches!(link.node, Node::Empty) {
                continue;
            }
            if let Some(fitting) = self.state.fitting(&path, link)? {
                return self.chunk(path, link.hash, &fitting).map(Some);
            }
            if let Node::Branch(branch) = &link.node {
                let (left, right) = (&branch.left, &branch.right);
                self.ahead.push((path.child(true), right, Some(left.hash)));
                self.ahead.push((path.child(false), left, Some(right.hash)));
            }
        }
        Ok(None)
    }

    fn chunk(
        &self,
        path: Path,
        hash: Hash,
        fitting: &Fitting,
    ) -> Result<(ChunkSummary, StateChunk), StorageError> {
        let mut content = Vec::with_capacity(fitting.bytes);
        let mut entries = 0;
        for page in self.state.pages.read_many(&fitting.pages)? {
            entries += page.entries().count();
            content.extend_from_slice(page.as_bytes());
        }
        let count = |number: usize| u32::try_from(number).expect("a chunk has at most 1 MiB");
        let summary = ChunkSummary {
            path,
            hash,
            content_bytes: count(content.len()),
            entries: count(entries),
        };
        let siblings = self.siblings.iter().rev().copied().collect();
        Ok((summary, StateChunk::new(path, siblings, content)))
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<(ChunkSummary, StateChunk), StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose()?;
        if next.is_err() {
            self.ahead.clear();
        }
        Some(next.map_err(StateError::from))
    }
}

impl FusedIterator for Chunks<'_> {}
