//! The version of the layout of all columns, and the steps from one version to the next.
//!
//! The version is one number in [`Column::Meta`]. A fresh storage gets the newest version at once;
//! an older one is brought up step by step; one that is newer than this software, or older than
//! the first release, is refused before anything is changed.
//!
//! | version | what |
//! |---|---|
//! | 1 | before the first release; refused |
//! | 2 | validator sets have a column, stakes and validators are entries of the state |
//!
//! # Invariants
//! - A step and its new version become true in one batch. A step that a crash interrupted runs
//!   again from its start.
//! - A column that a step needs is listed in [`Schema::added`] with the version that step leads
//!   to: an engine makes it empty before the step runs, and takes its absence for damage in a
//!   storage of that version.

use super::{Column, Storage, StorageError, View, WriteBatch};

/// The newest version this software knows and writes.
pub const SCHEMA_VERSION: u32 = CURRENT.newest();

/// What this software reads and writes.
pub const CURRENT: Schema<'static> = Schema {
    oldest: 2,
    steps: &[],
    added: &[],
};

/// The key of the version in [`Column::Meta`]; its value is the number in four bytes,
/// little-endian.
pub const SCHEMA_KEY: &[u8] = b"schema";

/// A step from one version to the next.
///
/// It may write intermediate batches of its own, as long as it can be run again from the start
/// after a crash. What it returns is written together with the new version.
pub type Migration = fn(&dyn Storage) -> Result<WriteBatch, StorageError>;

/// Which versions a software reads, and how it brings them to the newest.
///
/// There is one in use, [`CURRENT`]; tests of the mechanism make others.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    /// The oldest version that is read.
    pub oldest: u32,
    /// The step at index `i` leads from version `oldest + i` to the next.
    pub steps: &'a [Migration],
    /// Columns that storages of older versions do not have, each with the version it came with.
    pub added: &'a [(Column, u32)],
}

impl Schema<'_> {
    /// Returns the version the steps lead to.
    ///
    /// # Panics
    /// Where there are more steps than versions, which no software has.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "checked, in a constant")]
    pub const fn newest(&self) -> u32 {
        let steps = self.steps.len();
        assert!(steps < 1 << 16, "there are few migrations");
        self.oldest + steps as u32
    }

    /// Says whether `found` can be read here, after the steps.
    ///
    /// # Errors
    /// [`StorageError::Schema`] where it is newer, [`StorageError::OldSchema`] where it is from
    /// before the first release.
    pub fn accept(&self, found: u32) -> Result<(), StorageError> {
        let (known, oldest) = (self.newest(), self.oldest);
        match found {
            found if found > known => Err(StorageError::Schema { found, known }),
            found if found < oldest => Err(StorageError::OldSchema { found, oldest }),
            _ => Ok(()),
        }
    }

    /// Returns the columns that a storage of version `found` does not have yet.
    pub fn missing_in(&self, found: u32) -> impl Iterator<Item = Column> {
        let later = self.added.iter().filter(move |(_, since)| *since > found);
        later.map(|(column, _)| *column)
    }

    /// Brings the storage to the newest version.
    ///
    /// # Errors
    /// Those of [`Schema::accept`], and any error of reading and writing.
    pub fn prepare(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let Some(found) = version(storage)? else {
            return storage.write(stamped(WriteBatch::new(), self.newest()));
        };
        self.accept(found)?;
        for (step, from) in self.steps.iter().zip(self.oldest..) {
            if from >= found {
                storage.write(stamped(step(storage)?, from.saturating_add(1)))?;
            }
        }
        Ok(())
    }
}

/// Returns the version of the storage, or `None` where it is fresh.
///
/// # Errors
/// Where it cannot be read or is not a version.
pub fn version(view: &dyn View) -> Result<Option<u32>, StorageError> {
    let Some(bytes) = view.get(Column::Meta, SCHEMA_KEY)? else {
        return Ok(None);
    };
    let bytes = <[u8; 4]>::try_from(bytes.as_slice())
        .map_err(|_| StorageError::corrupt(Column::Meta, "the schema version is not four bytes"))?;
    match u32::from_le_bytes(bytes) {
        0 => Err(StorageError::corrupt(
            Column::Meta,
            "the schema version is zero",
        )),
        version => Ok(Some(version)),
    }
}

/// Brings the storage to [`SCHEMA_VERSION`].
///
/// # Errors
/// [`StorageError::Schema`] where it is newer, [`StorageError::OldSchema`] where it is from before
/// the first release, and any error of reading and writing.
pub fn prepare(storage: &dyn Storage) -> Result<(), StorageError> {
    CURRENT.prepare(storage)
}

/// Adds the version to a batch.
fn stamped(mut batch: WriteBatch, version: u32) -> WriteBatch {
    batch.put(Column::Meta, SCHEMA_KEY, version.to_le_bytes());
    batch
}

#[cfg(test)]
mod tests {
    use super::{
        CURRENT, Migration, SCHEMA_KEY, SCHEMA_VERSION, Schema, prepare, stamped, version,
    };
    use crate::storage::{
        Column, MemoryStorage, Storage, StorageError, StorageFault, View, WriteBatch,
    };

    fn doubled(storage: &dyn Storage) -> Result<WriteBatch, StorageError> {
        let mut batch = WriteBatch::new();
        for (key, value) in storage.scan(Column::State, b"", None, usize::MAX)? {
            batch.put(Column::State, key, [value.clone(), value].concat());
        }
        Ok(batch)
    }

    /// A step too large for one batch: it copies first, and removes what it copied at the end.
    fn moved(storage: &dyn Storage) -> Result<WriteBatch, StorageError> {
        let mut batch = WriteBatch::new();
        for (key, value) in storage.scan(Column::State, b"", None, usize::MAX)? {
            let mut copy = WriteBatch::new();
            copy.put(Column::Peer, key.clone(), value);
            storage.write(copy)?;
            batch.delete(Column::State, key);
        }
        Ok(batch)
    }

    const fn schema(steps: &[Migration]) -> Schema<'_> {
        Schema {
            oldest: 2,
            steps,
            added: &[],
        }
    }

    fn storage_of(version: u32) -> MemoryStorage {
        let storage = MemoryStorage::new();
        storage.write(stamped(WriteBatch::new(), version)).unwrap();
        storage
    }

    #[test]
    fn stamps_a_fresh_storage() {
        let storage = MemoryStorage::new();
        prepare(&storage).unwrap();
        assert_eq!(version(&storage), Ok(Some(SCHEMA_VERSION)));
    }

    #[test]
    fn refuses_a_newer_schema_and_changes_nothing() {
        let storage = storage_of(SCHEMA_VERSION + 1);
        let refused = StorageError::Schema {
            found: SCHEMA_VERSION + 1,
            known: SCHEMA_VERSION,
        };
        assert_eq!(prepare(&storage), Err(refused));
        assert_eq!(version(&storage), Ok(Some(SCHEMA_VERSION + 1)));
    }

    #[test]
    fn refuses_what_no_release_wrote_and_changes_nothing() {
        let storage = storage_of(1);
        let error = prepare(&storage).unwrap_err();
        let oldest = CURRENT.oldest;
        assert_eq!(error, StorageError::OldSchema { found: 1, oldest });
        assert_eq!(error.fault(), StorageFault::Configuration);
        assert_eq!(version(&storage), Ok(Some(1)));
    }

    #[test]
    fn refuses_a_version_that_is_none() {
        for bytes in [&[][..], &[1], &[0, 0, 0, 0]] {
            let storage = MemoryStorage::new();
            let mut batch = WriteBatch::new();
            batch.put(Column::Meta, SCHEMA_KEY, bytes);
            storage.write(batch).unwrap();
            assert!(prepare(&storage).unwrap_err().is_corrupt());
        }
    }

    #[test]
    fn runs_each_missing_step_once() {
        let storage = storage_of(3);
        let mut batch = WriteBatch::new();
        batch.put(Column::State, b"key", b"v");
        storage.write(batch).unwrap();
        for _ in 0..2 {
            schema(&[doubled, doubled, doubled])
                .prepare(&storage)
                .unwrap();
            assert_eq!(version(&storage), Ok(Some(5)));
            let value = storage.get(Column::State, b"key");
            assert_eq!(value, Ok(Some(b"vvvv".to_vec())));
        }
    }

    #[test]
    fn a_step_that_fails_leaves_its_version() {
        let storage = storage_of(2);
        let failing: Migration = |_| Err(StorageError::ReadOnly);
        let result = schema(&[doubled, failing]).prepare(&storage);
        assert_eq!(result, Err(StorageError::ReadOnly));
        assert_eq!(version(&storage), Ok(Some(3)));
    }

    #[test]
    fn a_step_that_is_interrupted_anywhere_runs_again() {
        for writes in 0..=3 {
            let storage = storage_of(2);
            let mut batch = WriteBatch::new();
            for key in 0..3_u8 {
                batch.put(Column::State, [key], [key]);
            }
            storage.write(batch).unwrap();
            storage.fail_write(writes, StorageError::ReadOnly);
            assert!(schema(&[moved]).prepare(&storage).is_err());
            storage.crash(usize::MAX);
            assert_eq!(version(&storage), Ok(Some(2)), "{writes}");
            schema(&[moved]).prepare(&storage).unwrap();
            assert_eq!(version(&storage), Ok(Some(3)));
            let count = |column| storage.scan(column, b"", None, 9).unwrap().len();
            assert_eq!((count(Column::State), count(Column::Peer)), (0, 3));
        }
    }

    #[test]
    fn names_the_columns_that_an_older_version_lacks() {
        let schema = Schema {
            oldest: 2,
            steps: &[doubled, doubled],
            added: &[(Column::Peer, 3), (Column::Meta, 4)],
        };
        let missing = |found| schema.missing_in(found).collect::<Vec<_>>();
        assert_eq!(missing(2), [Column::Peer, Column::Meta]);
        assert_eq!(missing(3), [Column::Meta]);
        assert_eq!(missing(4), []);
    }
}
