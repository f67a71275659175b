//! RocksDB behind the ledger's [`Storage`](starling_ledger::storage::Storage) trait.
//!
//! A folder holds one ledger:
//!
//! | name | what |
//! |---|---|
//! | `rocksdb/` | the data, one column family per [`Column`](starling_ledger::storage::Column) |
//! | `rocksdb.old/` | for a moment, while another ledger takes the place of this one |
//! | `owner.lock` | who uses the folder; a lock of the system, so it ends with the process |
//! | `reserve` | a few MiB that are given back when the disk is full, to stop in good order |
//!
//! # Invariants
//! - A write that returned `Ok` is on the disk: the log of RocksDB is synced for each batch.
//! - After the first error of a write, in the foreground or in the background, every write fails
//!   with that error until the folder is opened again. RocksDB would resume by itself and then
//!   acknowledge again; this engine does not.
//! - Nothing damaged is read as if it were whole: checksums of blocks are verified on every read
//!   from the disk, and a log damaged before its end is an error, not an older state.
//! - A folder of a newer schema is refused before anything in it is changed.
//! - The data comes into being under another name and is renamed when it is complete: a crash while
//!   a folder is made leaves either no ledger or an empty one.

// The macros panic where nobody reads what they print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod checkpoint;
mod error;
mod folder;
mod lock;
mod manifest;
mod options;
mod reader;
mod reserve;
mod rocks;
mod stats;
mod swap;

pub use options::OpenOptions;
pub use reader::Watch;
pub use rocks::{RocksStorage, WRITE_BYTES_MAX};
pub use stats::ColumnStats;
