//! The storage of the simulator and of tests: ordered, in memory, and able to fail like a disk.
//!
//! - With [`Durability::Buffered`] a write is visible at once but survives a
//!   [`MemoryStorage::crash`] only where [`MemoryStorage::sync`] followed it: a disk that
//!   acknowledges what it has not written. How many of the unsynced batches survive is the caller's
//!   to draw from its seed; a batch survives as a whole or not at all.
//! - [`MemoryStorage::fail_write`] makes a later write fail, and all after it, as the product's
//!   engine does.
//! - [`MemoryStorage::damage`] makes the reads of a key fail, as a checksum would.
//!
//! A snapshot costs two map look-ups and a write costs what it changes, however large the storage
//! and however many snapshots are alive: values are kept in versions (see `versions`).
//!
//! The lock is here because a storage is shared with the threads that execute blocks. It is held
//! for single calls and decides nothing: the simulator has one thread, so its runs do not depend on
//! it.

mod versions;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::versions::{KeyRange, Versions};
use super::{Column, Entry, Storage, StorageError, View, WriteBatch, WriteOperation};

/// The most batches a buffered storage holds back from the disk; beyond it the oldest is synced, as
/// an operating system would. Our choice: more than a simulated node writes between two crashes
/// that lose anything.
pub const MAX_UNSYNCED_BATCHES: usize = 1024;

/// When a write is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the write returns: what [`Storage::write`] promises.
    Synced,
    /// When [`MemoryStorage::sync`] returns: a disk that lies.
    Buffered,
}

/// An ordered storage in memory.
#[derive(Debug)]
pub struct MemoryStorage {
    engine: Arc<Mutex<Engine>>,
}

/// What the storage and its snapshots share.
#[derive(Debug)]
struct Engine {
    versions: Versions,
    durability: Durability,
    /// How to take back the batches that are not synced, the oldest first.
    unsynced: VecDeque<Undo>,
    /// The error that is due, and how many writes succeed before it.
    due: Option<(u64, StorageError)>,
    /// The error every write fails with since the first failed.
    failed: Option<StorageError>,
    damaged: BTreeSet<(Column, Vec<u8>)>,
}

/// The values before a batch, in the order of its changes.
type Undo = Vec<(Column, Vec<u8>, Option<Vec<u8>>)>;

/// The storage as it was at one moment.
#[derive(Debug)]
struct MemorySnapshot {
    engine: Arc<Mutex<Engine>>,
    at: u64,
}

impl MemoryStorage {
    /// An empty storage whose writes are safe when they return.
    #[must_use]
    pub fn new() -> Self {
        Self::with_durability(Durability::Synced)
    }

    /// An empty storage.
    #[must_use]
    pub fn with_durability(durability: Durability) -> Self {
        let engine = Engine {
            versions: Versions::default(),
            durability,
            unsynced: VecDeque::new(),
            due: None,
            failed: None,
            damaged: BTreeSet::new(),
        };
        Self {
            engine: Arc::new(Mutex::new(engine)),
        }
    }

    /// Makes all writes so far safe.
    pub fn sync(&self) {
        lock(&self.engine).unsynced.clear();
    }

    /// How many batches a crash may lose.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        lock(&self.engine).unsynced.len()
    }

    /// Stops and starts the machine: the first `kept` of the unsynced batches survive, the others
    /// are gone. Errors that were due or had stopped the storage are forgotten, damage is not.
    /// Returns how many batches were lost.
    pub fn crash(&self, kept: usize) -> usize {
        let mut engine = lock(&self.engine);
        let kept = kept.min(engine.unsynced.len());
        let lost = engine.unsynced.split_off(kept);
        for undo in lost.iter().rev() {
            engine.versions.begin();
            for (column, key, value) in undo.iter().rev() {
                engine.versions.set(*column, key.clone(), value.clone());
            }
        }
        engine.unsynced.clear();
        engine.due = None;
        engine.failed = None;
        lost.len()
    }

    /// Lets `after` more writes succeed; the next one fails with `error`, and so does every write
    /// after it until [`MemoryStorage::crash`].
    pub fn fail_write(&self, after: u64, error: StorageError) {
        lock(&self.engine).due = Some((after, error));
    }

    /// Makes every read that meets `key` fail as corrupt, until the key is written again.
    pub fn damage(&self, column: Column, key: &[u8]) {
        lock(&self.engine).damaged.insert((column, key.to_vec()));
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for MemoryStorage {
    fn write(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut engine = lock(&self.engine);
        engine.admit()?;
        let undo = engine.apply(batch);
        if engine.durability == Durability::Buffered {
            engine.unsynced.push_back(undo);
            if engine.unsynced.len() > MAX_UNSYNCED_BATCHES {
                engine.unsynced.pop_front();
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Arc<dyn View>, StorageError> {
        let at = lock(&self.engine).versions.open();
        Ok(Arc::new(MemorySnapshot {
            engine: Arc::clone(&self.engine),
            at,
        }))
    }
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        lock(&self.engine).versions.close(self.at);
    }
}

impl Engine {
    /// Fails where a write has to fail.
    fn admit(&mut self) -> Result<(), StorageError> {
        if let Some((after, error)) = &mut self.due {
            match after.checked_sub(1) {
                Some(left) => *after = left,
                None => self.failed = Some(error.clone()),
            }
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn apply(&mut self, batch: WriteBatch) -> Undo {
        self.versions.begin();
        let mut undo = Vec::with_capacity(batch.len());
        for operation in batch.into_operations() {
            match operation {
                WriteOperation::Put { column, key, value } => {
                    self.set(column, key, Some(value.into()), &mut undo);
                }
                WriteOperation::Delete { column, key } => self.set(column, key, None, &mut undo),
                WriteOperation::DeleteRange { column, from, to } => {
                    for key in self.keys(column, &from, &to) {
                        self.set(column, key, None, &mut undo);
                    }
                }
            }
        }
        undo
    }

    /// Sets or removes one value, and notes what was there.
    fn set(&mut self, column: Column, key: Vec<u8>, value: Option<Vec<u8>>, undo: &mut Undo) {
        if !self.damaged.is_empty() {
            self.damaged.remove(&(column, key.clone()));
        }
        let before = self.versions.set(column, key.clone(), value);
        undo.push((column, key, before));
    }

    /// The keys of a range, as they are now.
    fn keys(&self, column: Column, from: &[u8], to: &[u8]) -> Vec<Vec<u8>> {
        let Some(range) = range(from, Some(to)) else {
            return Vec::new();
        };
        let entries = self.versions.range(u64::MAX, column, range);
        entries.map(|(key, _)| key.to_vec()).collect()
    }

    fn check(&self, column: Column, key: &[u8]) -> Result<(), StorageError> {
        if self.damaged.is_empty() || !self.damaged.contains(&(column, key.to_vec())) {
            return Ok(());
        }
        Err(StorageError::corrupt(
            column,
            "the checksum of an entry does not match",
        ))
    }

    fn read(&self, at: u64, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.check(column, key)?;
        Ok(self.versions.value(at, column, key).map(<[u8]>::to_vec))
    }

    /// Copies at most `limit` entries that an iterator meets.
    fn collect<'a>(
        &self,
        column: Column,
        entries: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let copied = entries.take(limit).map(|(key, value)| {
            self.check(column, key)?;
            Ok((key.to_vec(), value.to_vec()))
        });
        copied.collect()
    }
}

/// Implements [`View`] for a type with an `engine` and a moment to look at.
macro_rules! impl_view {
    ($view:ty, $at:expr) => {
        impl View for $view {
            fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
                lock(&self.engine).read($at(self), column, key)
            }

            fn multi_get(
                &self,
                column: Column,
                keys: &[&[u8]],
            ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
                let engine = lock(&self.engine);
                keys.iter()
                    .map(|key| engine.read($at(self), column, key))
                    .collect()
            }

            fn scan(
                &self,
                column: Column,
                from: &[u8],
                to: Option<&[u8]>,
                limit: usize,
            ) -> Result<Vec<Entry>, StorageError> {
                let Some(range) = range(from, to) else {
                    return Ok(Vec::new());
                };
                let engine = lock(&self.engine);
                let entries = engine.versions.range($at(self), column, range);
                engine.collect(column, entries, limit)
            }

            fn scan_back(
                &self,
                column: Column,
                from: &[u8],
                to: Option<&[u8]>,
                limit: usize,
            ) -> Result<Vec<Entry>, StorageError> {
                let Some(range) = range(from, to) else {
                    return Ok(Vec::new());
                };
                let engine = lock(&self.engine);
                let entries = engine.versions.range($at(self), column, range).rev();
                engine.collect(column, entries, limit)
            }
        }
    };
}

impl_view!(MemoryStorage, |_: &MemoryStorage| u64::MAX);
impl_view!(MemorySnapshot, |snapshot: &MemorySnapshot| snapshot.at);

/// The bounds of a scan, or `None` where nothing lies between them (a B-tree panics on such a
/// range).
fn range<'a>(from: &'a [u8], to: Option<&'a [u8]>) -> Option<KeyRange<'a>> {
    if to.is_some_and(|to| to <= from) {
        return None;
    }
    Some((
        Bound::Included(from),
        to.map_or(Bound::Unbounded, Bound::Excluded),
    ))
}

/// No call leaves the engine half changed, so one that panicked elsewhere did no harm.
fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
