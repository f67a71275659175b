//! A copy of an open ledger, made while it is written to.
//!
//! Tables never change, so the copy shares them with the original (hard links, on one file system);
//! only the list of files and the log of writes are copied. It is the ledger as of one moment.

use std::fs;
use std::path::Path;

use rocksdb::checkpoint::Checkpoint;
use starling_ledger::storage::{StorageError, StorageOperation};

use crate::error::{from_io, from_rocks};
use crate::folder::{self, DATA};
use crate::rocks::RocksStorage;

impl RocksStorage {
    /// Makes a copy of the ledger in `folder`, which must not hold one.
    ///
    /// # Errors
    /// Errors of the disk; what was begun is removed then.
    pub fn checkpoint(&self, folder: &Path) -> Result<(), StorageError> {
        let failed = |error: &std::io::Error| from_io(error, StorageOperation::Write, folder);
        let data = folder.join(DATA);
        if data.exists() {
            return Err(failed(&std::io::ErrorKind::AlreadyExists.into()));
        }
        folder::make(folder)?;
        let made = Checkpoint::new(self.database()).and_then(|checkpoint| {
            // The log of writes is copied, however long it is: a ledger without one is damaged.
            checkpoint.create_checkpoint_with_log_size(&data, u64::MAX)
        });
        if let Err(error) = made {
            // What is left of it would be taken for a ledger.
            let _ = fs::remove_dir_all(&data);
            return Err(from_rocks(error, StorageOperation::Write, None));
        }
        folder::sync_folder(folder)
    }
}
