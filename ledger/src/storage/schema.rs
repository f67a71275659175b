//! The version of the layout of all columns, and the steps from one version to the next.
//!
//! The version is one number in [`Column::Meta`]. A fresh storage gets the newest version at once;
//! an older one is brought up step by step; one that is newer than this software is refused before
//! anything is changed.

use super::{Column, Storage, StorageError, View, WriteBatch};

/// The newest version this software knows and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The key of the version in [`Column::Meta`]; its value is the number in four bytes,
/// little-endian.
pub const SCHEMA_KEY: &[u8] = b"schema";

/// A step from one version to the next.
///
/// It may write intermediate batches of its own, as long as it can be run again from the start
/// after a crash. What it returns is written together with the new version.
pub type Migration = fn(&dyn Storage) -> Result<WriteBatch, StorageError>;

/// The step at index `i` leads from version `i + 1` to `i + 2`.
const MIGRATIONS: &[Migration] = &[];

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
/// [`StorageError::Schema`] where it is newer, and any error of reading and writing.
pub fn prepare(storage: &dyn Storage) -> Result<(), StorageError> {
    migrate(storage, MIGRATIONS)
}

/// Brings the storage to the version that `steps` lead to.
fn migrate(storage: &dyn Storage, steps: &[Migration]) -> Result<(), StorageError> {
    let known = u32::try_from(steps.len())
        .expect("there are few migrations")
        .saturating_add(1);
    let Some(mut version) = version(storage)? else {
        return storage.write(stamped(WriteBatch::new(), known));
    };
    if version > known {
        return Err(StorageError::Schema {
            found: version,
            known,
        });
    }
    for step in steps
        .iter()
        .skip(usize::try_from(version - 1).unwrap_or(usize::MAX))
    {
        version += 1;
        storage.write(stamped(step(storage)?, version))?;
    }
    Ok(())
}

/// Adds the version to a batch.
fn stamped(mut batch: WriteBatch, version: u32) -> WriteBatch {
    batch.put(Column::Meta, SCHEMA_KEY, version.to_le_bytes());
    batch
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, SCHEMA_KEY, SCHEMA_VERSION, migrate, prepare, stamped, version};
    use crate::storage::{Column, MemoryStorage, Storage, StorageError, View, WriteBatch};

    fn doubled(storage: &dyn Storage) -> Result<WriteBatch, StorageError> {
        let mut batch = WriteBatch::new();
        for (key, value) in storage.scan(Column::State, b"", None, usize::MAX)? {
            batch.put(Column::State, key, [value.clone(), value].concat());
        }
        Ok(batch)
    }

    #[test]
    fn the_newest_version_is_where_the_steps_lead() {
        assert_eq!(SCHEMA_VERSION as usize, MIGRATIONS.len() + 1);
    }

    #[test]
    fn stamps_a_fresh_storage() {
        let storage = MemoryStorage::new();
        prepare(&storage).unwrap();
        assert_eq!(version(&storage), Ok(Some(SCHEMA_VERSION)));
    }

    #[test]
    fn refuses_a_newer_schema_and_changes_nothing() {
        let storage = MemoryStorage::new();
        storage
            .write(stamped(WriteBatch::new(), SCHEMA_VERSION + 1))
            .unwrap();
        let refused = StorageError::Schema {
            found: SCHEMA_VERSION + 1,
            known: SCHEMA_VERSION,
        };
        assert_eq!(prepare(&storage), Err(refused));
        assert_eq!(version(&storage), Ok(Some(SCHEMA_VERSION + 1)));
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
        let storage = MemoryStorage::new();
        let mut batch = stamped(WriteBatch::new(), 2);
        batch.put(Column::State, b"key", b"v");
        storage.write(batch).unwrap();
        for _ in 0..2 {
            migrate(&storage, &[doubled, doubled, doubled]).unwrap();
            assert_eq!(version(&storage), Ok(Some(4)));
            assert_eq!(
                storage.get(Column::State, b"key"),
                Ok(Some(b"vvvv".to_vec()))
            );
        }
    }

    #[test]
    fn a_step_that_fails_leaves_its_version() {
        let storage = MemoryStorage::new();
        storage.write(stamped(WriteBatch::new(), 1)).unwrap();
        let failing = |_: &dyn Storage| Err(StorageError::ReadOnly);
        assert_eq!(
            migrate(&storage, &[doubled, failing]),
            Err(StorageError::ReadOnly)
        );
        assert_eq!(version(&storage), Ok(Some(2)));
    }
}
