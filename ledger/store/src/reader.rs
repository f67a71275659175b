//! Reading, from the present state and from a snapshot alike.

use std::sync::{Arc, Weak};

use rocksdb::{ColumnFamily, DB, ReadOptions, Snapshot};
use self_cell::self_cell;
use starling_ledger::storage::{Column, Entry, StorageError, StorageOperation, View};

use crate::error::from_rocks;
use crate::lock::FolderLock;

/// An open database, and the lock on its folder, which must go last.
pub(crate) struct Database {
    pub(crate) db: DB,
    _lock: Option<FolderLock>,
    /// Gone when all else is.
    open: Arc<()>,
}

/// Tells whether a database is still open.
pub struct Watch(Weak<()>);

/// Which end of a range a scan begins at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Back,
}

/// Reads what is true now, or what a snapshot saw.
pub(crate) struct Reader<'a> {
    pub(crate) db: &'a DB,
    pub(crate) snapshot: Option<&'a Snapshot<'a>>,
}

impl Database {
    /// A database in a folder that is locked, or is only read.
    pub(crate) fn new(db: DB, lock: Option<FolderLock>) -> Arc<Self> {
        Arc::new(Self {
            db,
            _lock: lock,
            open: Arc::default(),
        })
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.open))
    }

    /// The handle of a column.
    ///
    /// # Panics
    /// Never: all columns are opened, or the folder is not.
    pub(crate) fn family(db: &DB, column: Column) -> &ColumnFamily {
        db.cf_handle(column.name())
            .expect("every column was opened")
    }
}

impl Watch {
    /// Says whether storage and snapshots are gone, and the folder may be opened anew.
    pub fn is_closed(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Reader<'_> {
    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_verify_checksums(true);
        if let Some(snapshot) = self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }

    pub(crate) fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let family = Database::family(self.db, column);
        self.db
            .get_cf_opt(family, key, &self.options())
            .map_err(|error| failed(error, column))
    }

    pub(crate) fn multi_get(
        &self,
        column: Column,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        let family = Database::family(self.db, column);
        let (sorted, options) = (keys.is_sorted(), self.options());
        let keys = keys.iter().copied();
        let found = self
            .db
            .batched_multi_get_cf_opt(family, keys, sorted, &options);
        let copied = found.into_iter().map(|value| match value {
            Ok(value) => Ok(value.map(|value| value.to_vec())),
            Err(error) => Err(failed(error, column)),
        });
        copied.collect()
    }

    fn scan(
        &self,
        column: Column,
        (from, to): (&[u8], Option<&[u8]>),
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Entry>, StorageError> {
        if limit == 0 || to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let mut options = self.options();
        options.set_iterate_lower_bound(from);
        if let Some(to) = to {
            options.set_iterate_upper_bound(to);
        }
        let family = Database::family(self.db, column);
        let mut cursor = self.db.raw_iterator_cf_opt(family, options);
        match direction {
            Direction::Forward => cursor.seek_to_first(),
            Direction::Back => cursor.seek_to_last(),
        }
        let mut entries = Vec::new();
        while let Some((key, value)) = cursor.item() {
            entries.push((key.to_vec(), value.to_vec()));
            if entries.len() >= limit {
                return Ok(entries);
            }
            match direction {
                Direction::Forward => cursor.next(),
                Direction::Back => cursor.prev(),
            }
        }
        // A cursor ends alike at the end of the range and at a damaged block; only this tells.
        cursor.status().map_err(|error| failed(error, column))?;
        Ok(entries)
    }

    pub(crate) fn forward(
        &self,
        column: Column,
        range: (&[u8], Option<&[u8]>),
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.scan(column, range, limit, Direction::Forward)
    }

    pub(crate) fn back(
        &self,
        column: Column,
        range: (&[u8], Option<&[u8]>),
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.scan(column, range, limit, Direction::Back)
    }
}

fn failed(error: rocksdb::Error, column: Column) -> StorageError {
    from_rocks(error, StorageOperation::Read, Some(column))
}

self_cell!(
    /// A snapshot with a share in the database it looks into.
    struct Pinned {
        owner: Arc<Database>,

        #[covariant]
        dependent: Snapshot,
    }
);

/// The storage as it was at one moment. Keeps the database open while it lives.
pub(crate) struct RocksSnapshot {
    pinned: Pinned,
}

impl RocksSnapshot {
    pub(crate) fn take(database: Arc<Database>) -> Self {
        Self {
            pinned: Pinned::new(database, |database| database.db.snapshot()),
        }
    }

    fn reader(&self) -> Reader<'_> {
        let db = &self.pinned.borrow_owner().db;
        Reader {
            db,
            snapshot: Some(self.pinned.borrow_dependent()),
        }
    }
}

/// Implements [`View`] for a type that has a reader.
macro_rules! impl_view {
    ($view:ty) => {
        impl View for $view {
            fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
                self.reader().get(column, key)
            }

            fn multi_get(
                &self,
                column: Column,
                keys: &[&[u8]],
            ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
                self.reader().multi_get(column, keys)
            }

            fn scan(
                &self,
                column: Column,
                from: &[u8],
                to: Option<&[u8]>,
                limit: usize,
            ) -> Result<Vec<Entry>, StorageError> {
                self.reader().forward(column, (from, to), limit)
            }

            fn scan_back(
                &self,
                column: Column,
                from: &[u8],
                to: Option<&[u8]>,
                limit: usize,
            ) -> Result<Vec<Entry>, StorageError> {
                self.reader().back(column, (from, to), limit)
            }
        }
    };
}
pub(crate) use impl_view;

impl Reader<'_> {
    const fn reader(&self) -> &Self {
        self
    }
}

impl_view!(Reader<'_>);

impl_view!(RocksSnapshot);
