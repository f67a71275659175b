//! Pages that were written lately, by their hash.
//!
//! Accounts that pay today paid yesterday: their pages are found here without a read from the
//! storage and without being hashed again. What is found is right whatever version asks, since its
//! hash names the content, so all versions of a state share one cache and none has to clear it.
//!
//! A page has one place, which its hash tells; the last one written there stays.
//!
//! # Limits
//! As many pages as fit in the bytes it is given, were each as large as [`PAGE_BYTES_MAX`]; larger
//! ones are not kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::page::{PAGE_BYTES_MAX, Page};
use crate::hash::Hash;

/// What pages may take where nobody says. Our choice: the pages of about 300,000 accounts.
pub const BYTES: usize = 72 << 20;
/// What one page takes at the most, with its place and what the allocator adds.
const PAGE_COST_BYTES: usize = PAGE_BYTES_MAX + size_of::<Option<(Hash, Page)>>() + 32;
/// The first byte of a hash tells the shelf, the next ones the place on it.
const SHELVES: usize = 256;

/// The pages written lately. Shared between threads; each shelf has a lock of its own, which is
/// held to copy or to set one place and decides nothing.
pub(super) struct PageCache {
    shelves: Box<[Mutex<Shelf>]>,
    /// Places on a shelf, one at least.
    places: usize,
}

/// Empty until its first page comes.
type Shelf = Vec<Option<(Hash, Page)>>;

impl PageCache {
    /// Makes an empty one that takes at most `bytes`, or a page a shelf.
    pub(super) fn new(bytes: usize) -> Self {
        let shelf = |_| Mutex::new(Shelf::new());
        Self {
            shelves: (0..SHELVES).map(shelf).collect(),
            places: (bytes / PAGE_COST_BYTES / SHELVES).max(1),
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
            shelf.resize(self.places, None);
        }
        if let Some(slot) = shelf.get_mut(place) {
            *slot = Some((hash, page.clone()));
        }
    }

    fn find(&self, hash: &Hash) -> Option<(MutexGuard<'_, Shelf>, usize)> {
        let [shelf, place @ .., _] = *hash.0.first_chunk::<6>()?;
        let shelf = self.shelves.get(usize::from(shelf))?;
        let shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(u32::from_le_bytes(place)).ok()? % self.places;
        Some((shelf, place))
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
        let cache = PageCache::new(BYTES);
        let ((hash, one), (other, _)) = (page(b"one"), page(b"other"));
        cache.put(hash, &one);
        assert_eq!(cache.get(&hash), Some(one));
        assert_eq!(cache.get(&other), None);
    }

    #[test]
    fn a_page_takes_the_place_of_another_and_is_never_taken_for_it() {
        let cache = PageCache::new(BYTES);
        let ((mut first, one), (second, two)) = (page(b"one"), page(b"two"));
        first.0[..5].copy_from_slice(&second.0[..5]);
        cache.put(first, &one);
        assert_eq!(cache.get(&second), None);
        cache.put(second, &two);
        assert_eq!(cache.get(&first), None);
        assert_eq!(cache.get(&second), Some(two));
    }

    #[test]
    fn keeps_no_more_pages_than_fit() {
        let bytes = 1 << 20;
        let cache = PageCache::new(bytes);
        for number in 0..10_000u32 {
            let (hash, page) = page(&number.to_le_bytes());
            cache.put(hash, &page);
        }
        let places = |shelf: &Mutex<Shelf>| shelf.lock().unwrap().capacity();
        let places: usize = cache.shelves.iter().map(places).sum();
        assert!((512..=bytes / PAGE_BYTES_MAX).contains(&places), "{places}");
    }

    #[test]
    fn keeps_no_large_page() {
        let cache = PageCache::new(BYTES);
        let (hash, large) = page(&[0; PAGE_BYTES_MAX]);
        cache.put(hash, &large);
        assert_eq!(cache.get(&hash), None);
    }
}
