//! The one small trait behind which the ledger keeps what must survive: get, multi-get, ordered
//! scan, atomic batch, snapshot.
//!
//! RocksDB is the engine of the product and lives in a package of its own (`starling-store`), so
//! that the pure crates build in seconds. [`MemoryStorage`] is the engine of the simulator and of
//! tests: it can lose writes that were not synced and fail on demand. Both pass the same
//! [`conformance`] suite.
//!
//! Keys and values are bytes here; what they mean is the business of the modules that own a
//! [`Column`].
//!
//! # Invariants
//! - A [`WriteBatch`] is applied as a whole or not at all, and is on the disk when
//!   [`Storage::write`] returns `Ok`.
//! - After a failed write every later write fails with the same error, until the storage is opened
//!   again. A disk that failed once has lost an unknown part of what it was given; to go on would
//!   be to guess.
//! - A [`View`] from [`Storage::snapshot`] never changes, and outlives the handle it was taken
//!   from.
//! - Keys are ordered as unsigned bytes, a prefix before what it is a prefix of.

mod batch;
mod column;
#[doc(hidden)]
pub mod conformance;
mod error;
mod memory;
pub mod schema;

use std::sync::Arc;

pub use batch::{WriteBatch, WriteOperation};
pub use column::Column;
pub use error::{StorageError, StorageFault, StorageOperation};
pub use memory::{Durability, MAX_UNSYNCED_BATCHES, MemoryStorage};

/// A key and its value, as a scan returns them.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The read half of a storage: what a snapshot can do, and the storage itself.
pub trait View: Send + Sync {
    /// Returns the value of `key`, or `None` where there is none.
    ///
    /// # Errors
    /// Where the disk cannot be read, or what it holds is damaged.
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// Returns the values of `keys`, in their order. Quicker than as many calls of [`View::get`],
    /// most of all where the keys are sorted.
    ///
    /// # Errors
    /// As [`View::get`]; the first error ends it.
    fn multi_get(
        &self,
        column: Column,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError>;

    /// Returns at most `limit` entries with `from <= key < to` in ascending order; without `to`, up
    /// to the end.
    ///
    /// # Errors
    /// As [`View::get`].
    fn scan(
        &self,
        column: Column,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError>;

    /// Returns at most `limit` entries with `from <= key < to` in descending order, the greatest
    /// key first.
    ///
    /// # Errors
    /// As [`View::get`].
    fn scan_back(
        &self,
        column: Column,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError>;
}

/// A storage: reads, atomic synced writes, snapshots.
///
/// Shared between the threads of a node. Writes take turns; reads go on meanwhile.
pub trait Storage: View {
    /// Applies `batch` as a whole and returns when it is on the disk.
    ///
    /// # Errors
    /// Where the disk refuses it, or had refused an earlier one. Whether the batch is there, as a
    /// whole or not at all, is known only when the storage is opened again.
    fn write(&self, batch: WriteBatch) -> Result<(), StorageError>;

    /// Returns the storage as it is now, immutable.
    ///
    /// # Errors
    /// Where the engine cannot take a snapshot.
    fn snapshot(&self) -> Result<Arc<dyn View>, StorageError>;

    /// Gives the disk back what entries took that were deleted between `from` and `to` (without
    /// `to`, up to the end). Nothing that is read changes. It may take long; reads and writes go
    /// on meanwhile.
    ///
    /// An engine that keeps nothing of what was deleted has nothing to do.
    ///
    /// # Errors
    /// Where the disk refuses.
    fn reclaim(
        &self,
        _column: Column,
        _from: &[u8],
        _to: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    /// Takes no more writes and breaks off [`Storage::reclaim`], for who is about to let go of it.
    /// Reads go on.
    ///
    /// An engine that does nothing for long has nothing to break off.
    fn close(&self) {}
}

/// Returns the first key after all keys that begin with `prefix`: the `to` of a scan over a prefix.
///
/// `None` where there is no such key (an empty prefix, or one of 0xff bytes only), which scans to
/// the end.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte = byte.saturating_add(1);
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn prefix_end_is_the_first_key_after_the_prefix() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[7, 0xff, 0xff]), Some(vec![8]));
        assert_eq!(prefix_end(&[0xff, 0xff]), None);
        assert_eq!(prefix_end(b""), None);
    }
}
