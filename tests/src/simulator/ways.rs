//! Ways in which a validator comes back with less than it knew: old, lost and foreign folders.
//!
//! Its key is honest, and the oracle of signatures (O7) watches all processes that have it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use starling_ledger::storage::{
    Column, Durability, MemoryStorage, Storage as _, StorageError, View as _, WriteBatch,
};

use super::log_files::LogFiles;

/// What happens to one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is replaced by a machine with an empty folder, and then comes back beside it, its own
    /// folder whole.
    BesideReplacement,
    /// A copy of its folder is started beside it, some seconds later.
    OldCopy,
    /// Its folder is set back, and its neighbours, who only follow, are as old; it reaches nobody
    /// else.
    StaleWorld,
    /// Its folder is empty; otherwise as [`Way::StaleWorld`].
    LostGuard,
    /// Its ledger is new, its log and guard are older than what it signed last.
    ForeignLedger,
}

impl Way {
    /// All ways.
    pub const ALL: [Self; 5] = [
        Self::BesideReplacement,
        Self::OldCopy,
        Self::StaleWorld,
        Self::LostGuard,
        Self::ForeignLedger,
    ];

    /// Says whether another machine with the same key takes part.
    #[must_use]
    pub const fn has_second(self) -> bool {
        matches!(self, Self::BesideReplacement | Self::OldCopy)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BesideReplacement => "beside-replacement",
            Self::OldCopy => "old-copy",
            Self::StaleWorld => "stale-world",
            Self::LostGuard => "lost-guard",
            Self::ForeignLedger => "foreign-ledger",
        })
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|way| way.to_string() == text);
        let names = Self::ALL.map(|way| way.to_string()).join(", ");
        found.ok_or_else(|| format!("expected one of {names}"))
    }
}

/// A copy of what was durable on a disk.
pub struct Disk {
    /// The ledger.
    pub storage: Arc<MemoryStorage>,
    /// Log and guard.
    pub files: LogFiles,
}

/// Copies a storage.
///
/// # Errors
/// What the storage says.
pub fn copy_storage(storage: &MemoryStorage) -> Result<Arc<MemoryStorage>, StorageError> {
    let copy = MemoryStorage::with_durability(Durability::Buffered);
    let mut batch = WriteBatch::new();
    for column in Column::ALL {
        for (key, value) in storage.scan(column, &[], None, usize::MAX)? {
            batch.put(column, key, value);
        }
    }
    copy.write(batch)?;
    copy.sync();
    Ok(Arc::new(copy))
}
