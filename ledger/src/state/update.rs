//! Changes to the state: which pages change, split and join, and what must be written.
//!
//! The changes are sorted by position and walk down the trie together. On the way back up two
//! neighbouring pages are joined wherever the rule of the shape makes them one, so that the result
//! depends on the content alone and not on how it came about.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{PAGE_BYTES_MAX, Page, entry_bytes};
use super::path::{DEPTH_MAX, Path, bit, position};
use super::store::{Pages, summary};
use super::trie::{Link, Node, PageSize, is_one_page};
use crate::hash::Hash;
use crate::storage::{Column, StorageError};

/// A change of the storage: a key's new value, or `None` where it is deleted.
pub type StateWrite = (Column, Vec<u8>, Option<Vec<u8>>);

/// A key's new value, or `None` where it is deleted.
struct Change<'a> {
    position: Hash,
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

/// An entry on its way into a page.
struct Located<'a> {
    position: Hash,
    key: &'a [u8],
    value: &'a [u8],
}

/// A subtree whose parent is not decided yet.
enum Subtree {
    /// A changed page, which may still be joined with its neighbour.
    Page(Page),
    /// An inner node, or a page that did not change.
    Settled(Link),
}

/// An update under way.
pub(super) struct Update<'a> {
    pages: &'a Pages,
    loaded: BTreeMap<Path, Page>,
    removed: BTreeSet<Path>,
    written: BTreeMap<Path, (Page, Hash)>,
}

impl<'a> Update<'a> {
    /// Applies `changes` to the trie at `root`.
    pub(super) fn run(
        pages: &'a Pages,
        root: &Link,
        changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<(Link, Self), StorageError> {
        let mut changes: Vec<_> = changes
            .iter()
            .map(|(key, value)| Change {
                position: position(key),
                key,
                value: value.as_deref(),
            })
            .collect();
        changes.sort_unstable_by_key(|change| change.position);
        let touched = root.stored(changes.iter().map(|change| change.position));
        let mut update = Self {
            pages,
            loaded: pages.read_many(&touched)?,
            removed: BTreeSet::new(),
            written: BTreeMap::new(),
        };
        let subtree = update.apply(root, Path::ROOT, &changes)?;
        let root = update.settle(Path::ROOT, subtree);
        Ok((root, update))
    }

    /// Returns what must be written, and the pages of the new version.
    pub(super) fn finish(self) -> (Pages, Vec<StateWrite>) {
        let mut writes = Vec::with_capacity(2 * (self.removed.len() + self.written.len()));
        for path in self
            .removed
            .iter()
            .filter(|path| !self.written.contains_key(path))
        {
            writes.push((Column::State, path.to_key(), None));
            writes.push((Column::PageHash, path.to_key(), None));
        }
        for (path, (page, hash)) in &self.written {
            let summary = summary(page, hash);
            writes.push((Column::State, path.to_key(), Some(page.as_bytes().to_vec())));
            writes.push((Column::PageHash, path.to_key(), Some(summary)));
        }
        let written = self.written.into_iter();
        let written = written.map(|(path, (page, _))| (path, page));
        (self.pages.with(self.removed.iter(), written), writes)
    }

    /// Applies `changes`, all of which lie below `path`, to the subtree there.
    fn apply(
        &mut self,
        link: &Link,
        path: Path,
        changes: &[Change<'_>],
    ) -> Result<Subtree, StorageError> {
        if changes.is_empty() {
            return Ok(Subtree::Settled(link.clone()));
        }
        let Node::Branch(branch) = &link.node else {
            return self.apply_to_page(link, path, changes);
        };
        let middle = changes.partition_point(|change| !bit(&change.position, path.depth()));
        let (left, right) = changes.split_at(middle);
        let left = self.apply(&branch.left, path.child(false), left)?;
        let right = self.apply(&branch.right, path.child(true), right)?;
        self.join(path, left, right)
    }

    /// Applies `changes` to the entries of one page.
    fn apply_to_page(
        &mut self,
        link: &Link,
        path: Path,
        changes: &[Change<'_>],
    ) -> Result<Subtree, StorageError> {
        let page = self.load(path, link)?;
        let mut entries: BTreeMap<_, _> = page.entries().collect();
        for change in changes {
            match change.value {
                Some(value) => entries.insert(change.key, value),
                None => entries.remove(change.key),
            };
        }
        if page
            .entries()
            .eq(entries.iter().map(|(key, value)| (*key, *value)))
        {
            return Ok(Subtree::Settled(link.clone()));
        }
        if !page.is_empty() {
            self.removed.insert(path);
        }
        let bytes: usize = entries
            .iter()
            .map(|(key, value)| entry_bytes(key, value))
            .sum();
        if bytes <= PAGE_BYTES_MAX || entries.len() == 1 {
            return Ok(Subtree::Page(Page::of(entries.into_iter())));
        }
        let locate = |(key, value)| Located {
            position: position(key),
            key,
            value,
        };
        self.split(path, entries.into_iter().map(locate).collect())
    }

    /// Makes the subtree of `entries`, which ascend by key and lie below `path`.
    fn split(&mut self, path: Path, entries: Vec<Located<'_>>) -> Result<Subtree, StorageError> {
        let sizes = entries
            .iter()
            .map(|entry| entry_bytes(entry.key, entry.value));
        // At the greatest depth several entries would be a collision of BLAKE3.
        let single = entries.len() <= 1 || path.depth() >= DEPTH_MAX;
        if single || sizes.sum::<usize>() <= PAGE_BYTES_MAX {
            let entries = entries.iter().map(|entry| (entry.key, entry.value));
            return Ok(Subtree::Page(Page::of(entries)));
        }
        let (right, left) = entries
            .into_iter()
            .partition(|entry| bit(&entry.position, path.depth()));
        let left = self.split(path.child(false), left)?;
        let right = self.split(path.child(true), right)?;
        self.join(path, left, right)
    }

    /// Makes one subtree at `path` of its two halves: a page where they fit into one.
    fn join(&mut self, path: Path, left: Subtree, right: Subtree) -> Result<Subtree, StorageError> {
        let (left_path, right_path) = (path.child(false), path.child(true));
        match (left.page_size(), right.page_size()) {
            (Some(one), Some(other)) if is_one_page(one, other) => {
                let left = self.take(left_path, left)?;
                let right = self.take(right_path, right)?;
                Ok(Subtree::Page(Page::merged(&left, &right)))
            }
            _ => {
                let left = self.settle(left_path, left);
                let right = self.settle(right_path, right);
                Ok(Subtree::Settled(Link::branch(left, right)))
            }
        }
    }

    /// Takes the page at `path` away, to join it with its neighbour.
    fn take(&mut self, path: Path, subtree: Subtree) -> Result<Page, StorageError> {
        match subtree {
            Subtree::Page(page) => Ok(page),
            Subtree::Settled(link) => {
                if !matches!(link.node, Node::Empty) {
                    self.removed.insert(path);
                }
                self.load(path, &link)
            }
        }
    }

    /// Decides that the subtree stays at `path`: a changed page is written there.
    fn settle(&mut self, path: Path, subtree: Subtree) -> Link {
        match subtree {
            Subtree::Page(page) => {
                let link = Link::page(&page);
                if !page.is_empty() {
                    self.written.insert(path, (page, link.hash));
                }
                link
            }
            Subtree::Settled(link) => link,
        }
    }

    fn load(&mut self, path: Path, link: &Link) -> Result<Page, StorageError> {
        match self.loaded.remove(&path) {
            Some(page) => Ok(page),
            None => self.pages.read(&path, link),
        }
    }
}

impl Subtree {
    /// Returns the bytes of the page, or `None` for an inner node.
    fn page_size(&self) -> Option<PageSize> {
        match self {
            Self::Page(page) => Some(PageSize::of(page.as_bytes().len())),
            Self::Settled(link) => link.page_size(),
        }
    }
}
