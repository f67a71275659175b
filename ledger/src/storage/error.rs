//! What can go wrong with a storage, and what kind of trouble that is for the person who runs the
//! node.

use std::fmt;

use super::Column;

/// What was being done when an error came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageOperation {
    /// Opening the folder.
    Open,
    /// Reading one or several keys, or a range of them.
    Read,
    /// Writing a batch.
    Write,
}

impl fmt::Display for StorageOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "opening",
            Self::Read => "reading",
            Self::Write => "writing",
        })
    }
}

/// An error of a storage. None of them is the fault of a transaction or a block: each one stops the
/// node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk or the file system refused.
    #[error("i/o error while {operation} the database: {reason}")]
    Io {
        /// What was being done.
        operation: StorageOperation,
        /// What the engine or the system said, with the file where it is known.
        reason: String,
    },
    /// The disk is full.
    #[error("no space left while {operation} the database: {reason}")]
    NoSpace {
        /// What was being done.
        operation: StorageOperation,
        /// What the engine or the system said, with the file where it is known.
        reason: String,
    },
    /// What is on the disk is not what was written: a checksum fails, a file is cut or missing.
    #[error("corrupt data{}: {reason}", InColumn(*column))]
    Corrupt {
        /// The column that was read, where it is known.
        column: Option<Column>,
        /// What is wrong, with the file where it is known.
        reason: String,
    },
    /// Another process, or another handle of this one, uses the folder.
    #[error("the database in {folder} is in use{}", ByProcess(*process))]
    Locked {
        /// The folder.
        folder: String,
        /// The process that holds it, where it is known.
        process: Option<u32>,
    },
    /// The data was written by a newer version of the software.
    #[error("the database has schema {found}, this version knows up to {known}: use a newer one")]
    Schema {
        /// The version that was found.
        found: u32,
        /// The newest version this software knows.
        known: u32,
    },
    /// The data was written by a version before the first release.
    #[error(
        "the database has schema {found}, from before the first release; this version reads \
         {oldest} and later: move the folder away and start with an empty one"
    )]
    OldSchema {
        /// The version that was found.
        found: u32,
        /// The oldest version this software reads.
        oldest: u32,
    },
    /// There is nothing to read: nobody began a ledger in the folder.
    #[error("there is no ledger in {folder}")]
    Missing {
        /// The folder.
        folder: String,
    },
    /// A write to a storage that was opened for reading only.
    #[error("the database was opened for reading only")]
    ReadOnly,
}

/// The kind of trouble, which decides the exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageFault {
    /// Exit code 65: the data must be fetched or restored again.
    CorruptData,
    /// Exit code 73: space must be made.
    DiskFull,
    /// Exit code 74: the disk must be looked at.
    Io,
    /// Exit code 75: the other process must be stopped first.
    FolderLocked,
    /// Exit code 78: another version, another folder or another way of opening is needed.
    Configuration,
}

impl StorageError {
    /// The kind of trouble this is.
    #[must_use]
    pub const fn fault(&self) -> StorageFault {
        match self {
            Self::Io { .. } => StorageFault::Io,
            Self::NoSpace { .. } => StorageFault::DiskFull,
            Self::Corrupt { .. } => StorageFault::CorruptData,
            Self::Locked { .. } => StorageFault::FolderLocked,
            Self::Schema { .. }
            | Self::OldSchema { .. }
            | Self::Missing { .. }
            | Self::ReadOnly => StorageFault::Configuration,
        }
    }

    /// Whether the disk is full.
    #[must_use]
    pub const fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }

    /// Whether data on the disk is damaged.
    #[must_use]
    pub const fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// An error for a value that was read intact but does not decode: the ledger's own way to say
    /// "corrupt".
    #[must_use]
    pub fn corrupt(column: Column, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            column: Some(column),
            reason: reason.into(),
        }
    }
}

/// Shows " in column x", or nothing where the column is unknown.
struct InColumn(Option<Column>);

impl fmt::Display for InColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |column| write!(f, " in column {column}"))
    }
}

/// Shows " by process n", or nothing where the process is unknown.
struct ByProcess(Option<u32>);

impl fmt::Display for ByProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |process| write!(f, " by process {process}"))
    }
}
