//! The lock on a folder: one process, one handle.
//!
//! RocksDB has a lock of its own, but it comes after files were read and says nothing useful. This
//! one is taken first and knows who holds it. It belongs to the open file, so the system releases
//! it however the process ends; the file stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process;

use starling_ledger::storage::{StorageError, StorageOperation};

use crate::error::from_io;

const NAME: &str = "owner.lock";

/// More than the digits of any process id: what another program left in the file is not read whole.
const PROCESS_DIGITS_MAX: u64 = 20;

/// Holds the folder until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn acquire(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join(NAME);
        let failed = |error| from_io(&error, StorageOperation::Open, &path);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(folder, holder(&file))),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The number is a courtesy to whoever comes second: a full disk must not prevent the start.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = write!(file, "{}", process::id());
        Ok(Self { _file: file })
    }
}

/// The error for a folder that is in use.
pub(crate) fn locked(folder: &Path, process: Option<u32>) -> StorageError {
    StorageError::Locked {
        folder: folder.display().to_string(),
        process,
    }
}

/// The process that holds the lock, where the file tells.
fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(PROCESS_DIGITS_MAX)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}
