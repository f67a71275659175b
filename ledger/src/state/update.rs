//! Changes to the state: which pages change, split and join, and what must be written.
//!
//! The changes are sorted by position and walk down the trie together. On the way back up two
//! neighbouring pages are joined wherever the rule of the shape makes them one, so that the result
//! depends on the content alone and not on how it came about.

use std::collections::BTreeMap;

use super::page::{PAGE_BYTES_MAX, Page, entry_bytes};
use super::path::{DEPTH_MAX, Path, bit, position};
use super::store::{Pages, put_page};
use super::trie::{Link, Node, PageSize, halves, is_one_page};
use crate::hash::Hash;
use crate::storage::{Column, StorageError, WriteBatch};

/// Most keys whose pages are read together. Our choice: their nodes and pages, about 300 KB, are
/// met twice and stay in a core's own cache meanwhile.
pub(super) const TOGETHER_MAX: usize = 256;

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

/// A page that changes, as it was.
struct Loaded {
    path: Path,
    page: Page,
    /// What it becomes, where its entries stay in their places: then it is hashed together with
    /// others.
    changed: Option<(Page, Hash)>,
}

/// A subtree whose parent is not decided yet.
enum Subtree {
    /// A changed page, which may still be joined with its neighbour, and its hash where it is known
    /// already.
    Page(Page, Option<Hash>),
    /// An inner node, or a page that did not change.
    Settled(Link),
}

/// An update under way.
pub(super) struct Update<'a> {
    pages: &'a Pages,
    /// The pages that change, in the order in which they are met.
    loaded: std::iter::Peekable<std::vec::IntoIter<Loaded>>,
    /// Where a page was, and may be again.
    removed: Vec<Path>,
    written: Vec<(Path, Page, Hash)>,
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
        let mut update = Self {
            pages,
            loaded: Vec::new().into_iter().peekable(),
            removed: Vec::new(),
            written: Vec::new(),
        };
        let subtree = update.apply_all(root, Path::ROOT, &changes)?;
        let root = update.settle(Path::ROOT, subtree);
        Ok((root, update))
    }

    /// Returns what must be written, and the pages of the new version.
    pub(super) fn finish(mut self) -> (Pages, WriteBatch) {
        self.written.sort_unstable_by_key(|(path, _, _)| *path);
        let written = &self.written;
        let replaced = |path: &Path| written.binary_search_by_key(path, |one| one.0).is_ok();
        self.removed.retain(|path| !replaced(path));
        let mut writes = WriteBatch::new();
        for path in &self.removed {
            writes.delete(Column::State, path.to_key());
            writes.delete(Column::PageHash, path.to_key());
        }
        for (path, page, hash) in &self.written {
            put_page(&mut writes, path, page, hash);
            self.pages.keep(*hash, page);
        }
        let written = self.written.into_iter();
        let written = written.map(|(path, page, _)| (path, page));
        (self.pages.with(&self.removed, written), writes)
    }

    /// Applies `changes`, all of which lie below `path`, to the subtree there: some at a time,
    /// after their pages were read and hashed together.
    fn apply_all(
        &mut self,
        link: &Link,
        path: Path,
        changes: &[Change<'_>],
    ) -> Result<Subtree, StorageError> {
        match &link.node {
            Node::Branch(branch) if changes.len() > TOGETHER_MAX => {
                let (left, right) = halves(changes, path.depth(), |change| &change.position);
                let left = self.apply_all(&branch.left, path.child(false), left)?;
                let right = self.apply_all(&branch.right, path.child(true), right)?;
                self.join(path, left, right)
            }
            _ => {
                self.load_all(link, path, changes)?;
                self.apply(link, path, changes)
            }
        }
    }

    /// Reads the pages that `changes` touch below `link`, and hashes what they become.
    fn load_all(
        &mut self,
        link: &Link,
        path: Path,
        changes: &[Change<'_>],
    ) -> Result<(), StorageError> {
        let positions: Vec<_> = changes.iter().map(|change| change.position).collect();
        let found = link.find_all(path, &positions);
        let pages = self.pages.read_many(&found)?;
        let mut changes = changes;
        let mut loaded = Vec::with_capacity(pages.len());
        let mut changed = Vec::with_capacity(pages.len());
        for (one, page) in found.into_iter().zip(pages) {
            let (here, rest) = changes.split_at(one.positions);
            changes = rest;
            changed.push(page.with_values(here.iter().map(|change| (change.key, change.value))));
            loaded.push((one.path, page));
        }
        let hashes = Page::hash_each(&changed.iter().flatten().collect::<Vec<_>>());
        let mut hashes = hashes.into_iter();
        let loaded = loaded
            .into_iter()
            .zip(changed)
            .map(|((path, page), changed)| Loaded {
                path,
                page,
                changed: changed.and_then(|page| Some((page, hashes.next()?))),
            });
        self.loaded = loaded.collect::<Vec<_>>().into_iter().peekable();
        Ok(())
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
        let (left, right) = halves(changes, path.depth(), |change| &change.position);
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
        let (page, prepared) = self.load(path, link)?;
        if let Some((changed, hash)) = prepared {
            if hash == link.hash {
                return Ok(Subtree::Settled(link.clone()));
            }
            self.removed.push(path);
            return Ok(Subtree::Page(changed, Some(hash)));
        }
        let entries = changed(&page, changes);
        if page.entries().eq(entries.iter().copied()) {
            return Ok(Subtree::Settled(link.clone()));
        }
        if !page.is_empty() {
            self.removed.push(path);
        }
        let bytes: usize = entries
            .iter()
            .map(|(key, value)| entry_bytes(key, value))
            .sum();
        if bytes <= PAGE_BYTES_MAX || entries.len() == 1 {
            return Ok(Subtree::Page(Page::of(&entries), None));
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
            let page = Page::of(&entries.collect::<Vec<_>>());
            return Ok(Subtree::Page(page, None));
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
                Ok(Subtree::Page(Page::merged(&left, &right), None))
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
            Subtree::Page(page, _) => Ok(page),
            Subtree::Settled(link) => {
                if !matches!(link.node, Node::Empty) {
                    self.removed.push(path);
                }
                Ok(self.load(path, &link)?.0)
            }
        }
    }

    /// Decides that the subtree stays at `path`: a changed page is written there.
    fn settle(&mut self, path: Path, subtree: Subtree) -> Link {
        match subtree {
            Subtree::Page(page, hash) => {
                let hash = hash.unwrap_or_else(|| page.hash());
                let link = Link::page(&page, hash);
                if !page.is_empty() {
                    self.written.push((path, page, link.hash));
                }
                link
            }
            Subtree::Settled(link) => link,
        }
    }

    /// Returns the page of `link`, and what it becomes where that is known already.
    fn load(
        &mut self,
        path: Path,
        link: &Link,
    ) -> Result<(Page, Option<(Page, Hash)>), StorageError> {
        match self.loaded.next_if(|loaded| loaded.path == path) {
            Some(loaded) => Ok((loaded.page, loaded.changed)),
            None => Ok((self.pages.read(&path, link)?, None)),
        }
    }
}

/// Returns the entries of a page after `changes`, ascending by key.
fn changed<'a>(page: &'a Page, changes: &[Change<'a>]) -> Vec<(&'a [u8], &'a [u8])> {
    let mut changes: Vec<_> = changes.iter().map(|one| (one.key, one.value)).collect();
    changes.sort_unstable_by_key(|(key, _)| *key);
    let mut changes = changes.into_iter().peekable();
    let mut entries = Vec::new();
    for (key, value) in page.entries() {
        while let Some((new, value)) = changes.next_if(|(new, _)| *new < key) {
            entries.extend(value.map(|value| (new, value)));
        }
        match changes.next_if(|(changed, _)| *changed == key) {
            Some((_, value)) => entries.extend(value.map(|value| (key, value))),
            None => entries.push((key, value)),
        }
    }
    entries.extend(changes.filter_map(|(key, value)| Some((key, value?))));
    entries
}

impl Subtree {
    /// Returns the bytes of the page, or `None` for an inner node.
    fn page_size(&self) -> Option<PageSize> {
        match self {
            Self::Page(page, _) => Some(PageSize::of(page.as_bytes().len())),
            Self::Settled(link) => link.page_size(),
        }
    }
}
