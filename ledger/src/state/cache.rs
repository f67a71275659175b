//! Pages that were written lately, by their hash.
//!
//! Accounts that pay today paid yesterday: their pages are found here without a read from the
//! storage and without being hashed again. What is found is right whatever version asks, since its
//! hash names the content, so all versions of a state share one cache and none has to clear it.
//!
//! A page has one place, which its hash tells; the last one written there stays.
//!
//! # Limits
//! [`PAGES_MAX`] pages of at most [`PAGE_BYTES_MAX`] each, 64 MiB at the worst, and 4 MiB for the
//! places. Larger pages are not kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::page::{PAGE_BYTES_MAX, Page};
use crate::hash::Hash;

/// Most pages that are kept. Our choice: the pages of about 300,000 accounts.
const PAGES_MAX: usize = 65_536;
/// The first byte of a hash tells the shelf, the second the place on it.
const SHELVES: usize = 256;
const PLACES: usize = PAGES_MAX / SHELVES;

/// The pages written lately. Shared between threads; each shelf has a lock of its own, which is
/// held to copy or to set one place and decides nothing.
pub(super) struct PageCache {
    shelves: Box<[Mutex<Shelf>]>,
}

/// Empty until its first page comes.
type Shelf = Vec<Option<(Hash, Page)>>;

impl PageCache {
    pub(super) fn new() -> Self {
        let shelf = |_| Mutex::new(Shelf::new());
        Self {
            shelves: (0..SHELVES).map(shelf).collect(),
        }
    }

    /// Returns the page of `hash`, if it is here.
    pub(super) fn get(&self, hash: &Hash) -> Option<Page> {
        let (shelf, place) = self.find(hash)?;
        let (found, page) = shelf.get(place)?.as_ref()?;
        (found == hash).then(|| page.clone())
    }

    /// Keeps `page`, which hashes to `hash`, in the place of another.
    pub(super) fn put(&self, hash: Hash, page: &Page) {
        if page.as_bytes().len() > PAGE_BYTES_MAX {
            return;
        }
        let Some((mut shelf, place)) = self.find(&hash) else {
            return;
        };
        if shelf.is_empty() {
            shelf.resize(PLACES, None);
        }
        if let Some(slot) = shelf.get_mut(place) {
            *slot = Some((hash, page.clone()));
        }
    }

    fn find(&self, hash: &Hash) -> Option<(MutexGuard<'_, Shelf>, usize)> {
        let [shelf, place, ..] = hash.0;
        let shelf = self.shelves.get(usize::from(shelf))?;
        let shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        Some((shelf, usize::from(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(value: &[u8]) -> (Hash, Page) {
        let page = Page::of(&[(b"key", value)]);
        (page.hash(), page)
    }

    #[test]
    fn finds_what_was_put_and_nothing_else() {
        let cache = PageCache::new();
        let ((hash, one), (other, _)) = (page(b"one"), page(b"other"));
        cache.put(hash, &one);
        assert_eq!(cache.get(&hash), Some(one));
        assert_eq!(cache.get(&other), None);
    }

    #[test]
    fn a_page_takes_the_place_of_another_and_is_never_taken_for_it() {
        let cache = PageCache::new();
        let ((mut first, one), (second, two)) = (page(b"one"), page(b"two"));
        first.0[..2].copy_from_slice(&second.0[..2]);
        cache.put(first, &one);
        assert_eq!(cache.get(&second), None);
        cache.put(second, &two);
        assert_eq!(cache.get(&first), None);
        assert_eq!(cache.get(&second), Some(two));
    }

    #[test]
    fn keeps_no_large_page() {
        let cache = PageCache::new();
        let (hash, large) = page(&[0; PAGE_BYTES_MAX]);
        cache.put(hash, &large);
        assert_eq!(cache.get(&hash), None);
    }
}
