//! Putting a ledger that was made aside in the place of another.
//!
//! There is no moment at which the folder holds neither: a crash in between leaves the old data
//! under another name, which the next start takes back.

use std::fs;
use std::path::Path;

use starling_ledger::storage::{StorageError, StorageOperation};

use crate::error::from_io;
use crate::folder::{self, DATA};
use crate::lock::FolderLock;
use crate::rocks::RocksStorage;

/// The name of the old data while the new takes its place.
const OLD: &str = "rocksdb.old";

impl RocksStorage {
    /// Puts the data of the folder `replacement` in the place of that of `folder`, which is
    /// removed. Both have to be closed, and on one file system.
    ///
    /// # Errors
    /// [`StorageError::Locked`] where one of them is in use, [`StorageError::Missing`] where there
    /// is nothing to put there, and errors of the disk. `folder` holds the old data then.
    pub fn replace(folder: &Path, replacement: &Path) -> Result<(), StorageError> {
        folder::make(folder)?;
        folder::expect(replacement)?;
        let _lock = FolderLock::acquire(folder)?;
        let _other = FolderLock::acquire(replacement)?;
        take_back(folder)?;
        let (data, old) = (folder.join(DATA), folder.join(OLD));
        if data.exists() {
            rename(&data, &old)?;
        }
        let put = rename(&replacement.join(DATA), &data).and_then(|()| folder::sync_folder(folder));
        if let Err(error) = put {
            take_back(folder)?;
            return Err(error);
        }
        remove(&old)
    }
}

/// Ends what a crash in the middle of [`RocksStorage::replace`] left. The folder is locked.
pub(crate) fn take_back(folder: &Path) -> Result<(), StorageError> {
    let (data, old) = (folder.join(DATA), folder.join(OLD));
    if !old.exists() {
        return Ok(());
    }
    if data.exists() {
        // The new data is in its place.
        return remove(&old);
    }
    rename(&old, &data)?;
    folder::sync_folder(folder)
}

fn rename(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::rename(from, to).map_err(|error| from_io(&error, StorageOperation::Write, from))
}

fn remove(old: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(old) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(from_io(&error, StorageOperation::Write, old))
        }
        _ => Ok(()),
    }
}
