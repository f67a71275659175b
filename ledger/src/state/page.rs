//! Pages: the entries of a small subtree of the state, as one string of bytes.
//!
//! Each entry is the length of its key (2 bytes), the length of its value (4 bytes), the key and
//! the value; integers are little-endian. The entries ascend strictly by key. A page is hashed,
//! stored and proven as these bytes, and read without being copied.
//!
//! # Invariants
//! A page has at most [`PAGE_BYTES_MAX`] bytes, or one entry, which may be larger.

use std::ops::Range;

use bytes::Bytes;

use super::path::position;
use crate::hash::{Context, Hash};

/// Most bytes of a page with more than one entry. Design, section 2: 1 KiB, about 8 accounts;
/// larger pages make each update write more, smaller ones make the trie above them larger.
pub const PAGE_BYTES_MAX: usize = 1024;
/// Most bytes of a key. Our choice: keys are a tag and one or two hashes.
pub const KEY_BYTES_MAX: usize = 256;
/// Most bytes of a value. Our choice: a validator set of 1,000 members is 72 KB.
pub const VALUE_BYTES_MAX: usize = 128 * 1024;

/// Bytes of the two lengths before each entry.
const LENGTHS_BYTES: usize = 6;

/// The encoded entries of a subtree; empty where the subtree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page(Bytes);

/// Why bytes are not a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PageError {
    /// The bytes end within an entry, or a key or value is too long.
    #[error("a page that is cut, or has a key or value above the limit")]
    Entry,
    /// The keys do not ascend strictly.
    #[error("a page whose keys are out of order")]
    Order,
    /// More than one entry in more bytes than a page may have.
    #[error("a page of several entries above {PAGE_BYTES_MAX} bytes")]
    Size,
}

/// Iterates over keys and values in the order of the keys.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a>(&'a [u8]);

/// Returns the bytes an entry takes in a page.
pub(super) fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    LENGTHS_BYTES + key.len() + value.len()
}

impl Page {
    /// The page of an empty subtree.
    pub(super) fn empty() -> Self {
        Self(Bytes::new())
    }

    /// Parses bytes from the disk or from a peer.
    pub(super) fn from_bytes(bytes: Bytes) -> Result<Self, PageError> {
        let mut entries = Entries(&bytes);
        let mut count = 0;
        let mut previous: Option<&[u8]> = None;
        for (key, value) in entries.by_ref() {
            if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
                return Err(PageError::Entry);
            }
            if previous.is_some_and(|previous| previous >= key) {
                return Err(PageError::Order);
            }
            previous = Some(key);
            count += 1;
        }
        if !entries.0.is_empty() {
            return Err(PageError::Entry);
        }
        if count > 1 && bytes.len() > PAGE_BYTES_MAX {
            return Err(PageError::Size);
        }
        Ok(Self(bytes))
    }

    /// Makes a page of entries that ascend strictly by key and are within the limits.
    pub(super) fn of(entries: &[(&[u8], &[u8])]) -> Self {
        let size = entries.iter().map(|(key, value)| entry_bytes(key, value));
        let mut bytes = Vec::with_capacity(size.sum());
        for (key, value) in entries {
            let key_bytes = u16::try_from(key.len()).expect("keys are bounded");
            let value_bytes = u32::try_from(value.len()).expect("values are bounded");
            bytes.extend_from_slice(&key_bytes.to_le_bytes());
            bytes.extend_from_slice(&value_bytes.to_le_bytes());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
        }
        Self(bytes.into())
    }

    /// Returns the page with other values for some of its keys; `None` where a key is new, removed,
    /// or has a value of another length, since then other bytes move too.
    pub(super) fn with_values<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Option<Self> {
        let mut bytes = self.0.to_vec();
        for (key, value) in changes {
            let (place, value) = (self.place(key)?, value?);
            let old = bytes
                .get_mut(place)
                .filter(|old| old.len() == value.len())?;
            old.copy_from_slice(value);
        }
        Some(Self(bytes.into()))
    }

    /// Makes the page of all entries of two, which have no key in common.
    pub(super) fn merged(left: &Self, right: &Self) -> Self {
        let mut entries: Vec<_> = left.entries().chain(right.entries()).collect();
        entries.sort_unstable();
        Self::of(&entries)
    }

    /// Returns the bytes.
    pub(super) const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Says whether there is no entry.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the hash that the trie commits to: [`Hash::ZERO`] for the empty page, which is
    /// therefore told apart from every page and every inner node.
    pub(super) fn hash(&self) -> Hash {
        if self.is_empty() {
            return Hash::ZERO;
        }
        Hash::of(Context::StatePage, &[&self.0])
    }

    /// Returns the hash of each page.
    pub(super) fn hash_each(pages: &[&Self]) -> Vec<Hash> {
        let inputs: Vec<&[u8]> = pages.iter().map(|page| &*page.0).collect();
        let hashes = Hash::of_each(Context::StatePage, &inputs);
        let hash = |(page, hash): (&&Self, Hash)| if page.is_empty() { Hash::ZERO } else { hash };
        pages.iter().zip(hashes).map(hash).collect()
    }

    /// Iterates over the entries.
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries(&self.0)
    }

    /// Returns the value of `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(self.place(key)?)
    }

    /// Returns where the value of `key` stands in the bytes.
    fn place(&self, key: &[u8]) -> Option<Range<usize>> {
        let mut entries = self.entries();
        let (_, value) = entries.find(|(found, _)| *found == key)?;
        let end = self.0.len() - entries.rest().len();
        Some(end - value.len()..end)
    }

    /// Iterates over the positions of the keys.
    pub(super) fn positions(&self) -> impl Iterator<Item = Hash> {
        self.entries().map(|(key, _)| position(key))
    }
}

impl<'a> Entries<'a> {
    /// Iterates over the entries that `bytes` begin with.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes after the last entry returned.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key_bytes, rest) = self.0.split_first_chunk::<2>()?;
        let (value_bytes, rest) = rest.split_first_chunk::<4>()?;
        let key_bytes = usize::from(u16::from_le_bytes(*key_bytes));
        let value_bytes = usize::try_from(u32::from_le_bytes(*value_bytes)).ok()?;
        let (key, rest) = rest.split_at_checked(key_bytes)?;
        let (value, rest) = rest.split_at_checked(value_bytes)?;
        self.0 = rest;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE_BYTES_MAX, Page, PageError, entry_bytes};
    use crate::hash::Hash;

    fn page(entries: &[(&[u8], &[u8])]) -> Page {
        Page::of(entries)
    }

    #[test]
    fn bytes_round_trip_and_hold_the_values() {
        let page = page(&[(b"a", b"1"), (b"b", b""), (b"bc", b"22")]);
        assert_eq!(Page::from_bytes(page.as_bytes().clone()), Ok(page.clone()));
        assert_eq!(page.get(b"bc"), Some(&b"22"[..]));
        assert_eq!(page.get(b"b"), Some(&b""[..]));
        assert_eq!(page.get(b"c"), None);
    }

    #[test]
    fn refuses_bytes_cut_anywhere_within_an_entry() {
        let bytes = page(&[(b"key", b"value")]).as_bytes().clone();
        for end in 1..bytes.len() {
            assert_eq!(Page::from_bytes(bytes.slice(..end)), Err(PageError::Entry));
        }
    }

    #[test]
    fn refuses_keys_out_of_order_or_twice() {
        for entries in [
            [(&b"b"[..], &b""[..]), (b"a", b"")],
            [(b"a", b""), (b"a", b"")],
        ] {
            let bytes = page(&entries);
            assert_eq!(Page::from_bytes(bytes.0), Err(PageError::Order));
        }
    }

    #[test]
    fn only_a_single_entry_may_exceed_the_limit() {
        let large = vec![0; PAGE_BYTES_MAX + 1];
        let single = page(&[(b"a", &large)]);
        assert_eq!(single.as_bytes().len(), entry_bytes(b"a", &large));
        assert!(Page::from_bytes(single.0).is_ok());
        let double = page(&[(b"a", &large), (b"b", b"")]);
        assert_eq!(Page::from_bytes(double.0), Err(PageError::Size));
    }

    #[test]
    fn the_empty_page_hashes_to_zero_and_no_other_does() {
        assert_eq!(Page::empty().hash(), Hash::ZERO);
        assert_ne!(page(&[(b"", b"")]).hash(), Hash::ZERO);
    }
}
