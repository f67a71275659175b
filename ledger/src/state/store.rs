//! Where pages come from: those written since the last snapshot from memory, all others from it or
//! from the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cache::PageCache;
use super::page::Page;
use super::path::Path;
use super::trie::{Found, Link, Node, PageSize, is_one_page};
use crate::hash::Hash;
use crate::storage::{Column, Entry, StorageError, View, WriteBatch};

/// Page hashes read at a time when the trie is rebuilt. Our choice: 3 MB at once.
const SCAN_ENTRIES: usize = 65_536;

/// The pages of one version.
#[derive(Clone)]
pub(super) struct Pages {
    view: Arc<dyn View>,
    overlay: Arc<BTreeMap<Path, Page>>,
    cache: Arc<PageCache>,
}

impl Pages {
    /// The pages of a snapshot; those written later take at most `cache_bytes` of memory.
    pub(super) fn new(view: Arc<dyn View>, cache_bytes: usize) -> Self {
        Self {
            view,
            overlay: Arc::default(),
            cache: Arc::new(PageCache::new(cache_bytes)),
        }
    }

    /// The pages of a later snapshot.
    pub(super) fn settled(&self, view: Arc<dyn View>) -> Self {
        Self {
            view,
            overlay: Arc::default(),
            cache: Arc::clone(&self.cache),
        }
    }

    /// Keeps a page that was written, to find it later.
    pub(super) fn keep(&self, hash: Hash, page: &Page) {
        self.cache.put(hash, page);
    }

    /// These pages, without those at `removed` and with `written` on top; both ascend.
    pub(super) fn with(
        &self,
        removed: &[Path],
        written: impl Iterator<Item = (Path, Page)>,
    ) -> Self {
        let mut overlay = BTreeMap::clone(&self.overlay);
        for path in removed {
            overlay.remove(path);
        }
        // Joins the two in one pass, which is quicker than one insertion after the other.
        overlay.append(&mut written.collect());
        Self {
            view: Arc::clone(&self.view),
            overlay: Arc::new(overlay),
            cache: Arc::clone(&self.cache),
        }
    }

    /// Reads the page of `link`, which stands at `path`.
    pub(super) fn read(&self, path: &Path, link: &Link) -> Result<Page, StorageError> {
        if matches!(link.node, Node::Empty) {
            return Ok(Page::empty());
        }
        if let Some(page) = self.known(path, &link.hash) {
            return Ok(page);
        }
        let page = parse(self.view.get(Column::State, &path.to_key())?, &link.hash)?;
        check([(&page, &link.hash)].into_iter())?;
        Ok(page)
    }

    /// Returns a page that need not be read.
    fn known(&self, path: &Path, hash: &Hash) -> Option<Page> {
        let written = self.overlay.get(path).cloned();
        written.or_else(|| self.cache.get(hash))
    }

    /// Reads every page below `link`, which stands at `path`, in the order of the trie.
    pub(super) fn visit(
        &self,
        path: &Path,
        link: &Link,
        visit: &mut dyn FnMut(&Page),
    ) -> Result<(), StorageError> {
        match &link.node {
            Node::Empty => Ok(()),
            Node::Page { .. } => {
                visit(&self.read(path, link)?);
                Ok(())
            }
            Node::Branch(branch) => {
                self.visit(&path.child(false), &branch.left, visit)?;
                self.visit(&path.child(true), &branch.right, visit)
            }
        }
    }

    /// Reads pages all at once, in their order, which ascends by path.
    pub(super) fn read_many(&self, found: &[Found]) -> Result<Vec<Page>, StorageError> {
        let known = |one: &Found| match one.hash {
            Hash::ZERO => Some(Page::empty()),
            hash => self.known(&one.path, &hash),
        };
        let known: Vec<_> = found.iter().map(known).collect();
        let unknown = found.iter().zip(&known).filter(|(_, page)| page.is_none());
        let keys: Vec<_> = unknown.map(|(one, _)| one.path.to_key()).collect();
        let keys: Vec<_> = keys.iter().map(Vec::as_slice).collect();
        let mut values = self.view.multi_get(Column::State, &keys)?.into_iter();
        let is_read: Vec<_> = known.iter().map(Option::is_none).collect();
        let page = |(one, known): (&Found, Option<Page>)| match known {
            Some(page) => Ok(page),
            None => parse(values.next().flatten(), &one.hash),
        };
        let pages: Vec<_> = found
            .iter()
            .zip(known)
            .map(page)
            .collect::<Result<_, _>>()?;
        let read = pages.iter().zip(found).zip(is_read);
        let read = read.filter_map(|((page, one), is_read)| is_read.then_some((page, &one.hash)));
        check(read)?;
        Ok(pages)
    }
}

/// Parses a stored page, which the trie knows by `hash`.
fn parse(bytes: Option<Vec<u8>>, hash: &Hash) -> Result<Page, StorageError> {
    let bytes = bytes.ok_or_else(|| corrupt(format!("page {hash} is missing")))?;
    Page::from_bytes(bytes.into()).map_err(|error| corrupt(error.to_string()))
}

/// Compares the hashes of pages with those that the trie holds.
fn check<'a>(pages: impl Iterator<Item = (&'a Page, &'a Hash)>) -> Result<(), StorageError> {
    let (pages, expected): (Vec<&Page>, Vec<&Hash>) = pages.unzip();
    let found = Page::hash_each(&pages);
    let mut compared = expected.into_iter().zip(found);
    match compared.find(|(one, found)| **one != *found) {
        Some((hash, _)) => Err(corrupt(format!(
            "a page is not the one that hashes to {hash}"
        ))),
        None => Ok(()),
    }
}

fn corrupt(reason: String) -> StorageError {
    StorageError::corrupt(Column::State, reason)
}

/// Writes a page, and beside it what the trie is rebuilt from: its hash and its size.
pub(super) fn put_page(batch: &mut WriteBatch, path: &Path, page: &Page, hash: &Hash) {
    let size = PageSize::of(page.as_bytes().len());
    let summary = [&hash.0[..], &size.0.to_le_bytes()[..]].concat();
    batch.put(Column::PageHash, path.to_key(), summary);
    batch.put_shared(Column::State, path.to_key(), page.as_bytes().clone());
}

/// Rebuilds the trie from the page hashes of `view`.
///
/// # Errors
/// Where the disk cannot be read, or the pages are not the leaves of a trie.
pub(super) fn rebuild(view: &dyn View) -> Result<Link, StorageError> {
    let mut leaves = Leaves {
        view,
        batch: Vec::new().into_iter(),
        from: Vec::new(),
        next: None,
    };
    leaves.advance()?;
    let root = subtree(&mut leaves, Path::ROOT)?;
    match leaves.next {
        None => Ok(root),
        Some(_) => Err(not_a_trie()),
    }
}

/// The stored page hashes in the order of the trie.
struct Leaves<'a> {
    view: &'a dyn View,
    batch: std::vec::IntoIter<Entry>,
    from: Vec<u8>,
    next: Option<(Path, Link)>,
}

impl Leaves<'_> {
    /// Moves on to the next one, and returns the one before.
    fn advance(&mut self) -> Result<Option<(Path, Link)>, StorageError> {
        if self.batch.len() == 0 {
            let batch = self
                .view
                .scan(Column::PageHash, &self.from, None, SCAN_ENTRIES)?;
            if let Some((key, _)) = batch.last() {
                self.from = [key.as_slice(), &[0]].concat();
            }
            self.batch = batch.into_iter();
        }
        let next = match self.batch.next() {
            Some((key, value)) => Some(leaf(&key, &value).ok_or_else(not_a_trie)?),
            None => None,
        };
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// Takes the leaves below `path` off the list and makes the subtree of them.
fn subtree(leaves: &mut Leaves<'_>, path: Path) -> Result<Link, StorageError> {
    let below = match &leaves.next {
        Some((leaf, _)) if path.is_prefix_of(leaf) => *leaf,
        _ => return Ok(Link::EMPTY),
    };
    if below == path {
        return Ok(leaves.advance()?.map_or(Link::EMPTY, |(_, link)| link));
    }
    let left = subtree(leaves, path.child(false))?;
    let right = subtree(leaves, path.child(true))?;
    match (left.page_size(), right.page_size()) {
        (Some(one), Some(other)) if is_one_page(one, other) => Err(not_a_trie()),
        _ => Ok(Link::branch(left, right)),
    }
}

/// Parses one stored page hash.
fn leaf(key: &[u8], value: &[u8]) -> Option<(Path, Link)> {
    let (hash, size) = value.split_first_chunk::<32>()?;
    let size = PageSize(u16::from_le_bytes(size.try_into().ok()?));
    if size == PageSize::ZERO || size > PageSize::OVER {
        return None;
    }
    let link = Link {
        hash: Hash(*hash),
        node: Node::Page { size },
    };
    Some((Path::from_key(key)?, link))
}

fn not_a_trie() -> StorageError {
    StorageError::corrupt(Column::PageHash, "the page hashes are not those of a trie")
}
