//! From the errors of RocksDB and of the system to [`StorageError`].
//!
//! RocksDB's C interface gives a text and nothing else, so the text decides. What is not known is
//! an I/O error: that stops the node and accuses nobody's data.

use std::io;
use std::path::Path;

use rocksdb::ErrorKind;
use starling_ledger::storage::{Column, StorageError, StorageOperation};

/// What RocksDB and the system say when there is no space: the disk, the quota.
const NO_SPACE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What RocksDB says of a file that has to be there.
const MISSING: &str = "No such file or directory";

/// Translates an error of RocksDB.
pub(crate) fn from_rocks(
    error: rocksdb::Error,
    operation: StorageOperation,
    column: Option<Column>,
) -> StorageError {
    let kind = error.kind();
    let reason = error.into_string();
    if NO_SPACE.iter().any(|text| reason.contains(text)) {
        return StorageError::NoSpace { operation, reason };
    }
    let opening = operation == StorageOperation::Open;
    let damaged = match kind {
        ErrorKind::Corruption => true,
        // A file that the manifest names is gone.
        ErrorKind::IOError => operation != StorageOperation::Write && reason.contains(MISSING),
        // A manifest that names other columns or another order, or no manifest at all: the options
        // this engine opens with are always the same, so the folder is what differs.
        ErrorKind::InvalidArgument | ErrorKind::NotFound | ErrorKind::NotSupported => opening,
        _ => false,
    };
    if damaged {
        StorageError::Corrupt { column, reason }
    } else {
        StorageError::Io { operation, reason }
    }
}

/// Translates an error of opening the data in `data`.
///
/// RocksDB names the file in every error but those of the log of writes.
pub(crate) fn from_open(error: rocksdb::Error, data: &Path) -> StorageError {
    match from_rocks(error, StorageOperation::Open, None) {
        StorageError::Corrupt { column, reason } if !reason.contains('/') => {
            let reason = format!("{reason}, in the log of writes, {}/*.log", data.display());
            StorageError::Corrupt { column, reason }
        }
        error => error,
    }
}

/// Whether RocksDB failed to open because somebody else has opened the folder.
pub(crate) fn is_locked(error: &rocksdb::Error) -> bool {
    error.kind() == ErrorKind::IOError && error.as_ref().contains("/LOCK:")
}

/// Translates an error of the system about a file.
pub(crate) fn from_io(error: &io::Error, operation: StorageOperation, file: &Path) -> StorageError {
    let reason = format!("{}: {error}", file.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StorageError::NoSpace { operation, reason }
        }
        _ => StorageError::Io { operation, reason },
    }
}
