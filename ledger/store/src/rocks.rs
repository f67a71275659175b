//! The storage of the product: opening, writing, sizes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rocksdb::properties::{self, PropName};
use rocksdb::{BottommostLevelCompaction, CompactOptions, DB, ErrorKind, WriteOptions};
use starling_ledger::storage::schema::{self, Schema};
use starling_ledger::storage::{
    Column, Entry, Storage, StorageError, StorageOperation, View, WriteBatch, WriteOperation,
};

use crate::error::from_rocks;
use crate::folder;
use crate::lock::FolderLock;
use crate::options::OpenOptions;
use crate::reader::{Database, Reader, RocksSnapshot, Watch, impl_view};
use crate::reserve::Reserve;
use crate::swap;

/// The most bytes of keys and values one batch may have. RocksDB ends at 4 GiB and keeps a batch in
/// memory three times; a block at its limits, with its state, is under 64 MiB.
pub const WRITE_BYTES_MAX: usize = 1 << 30;

/// How often a write that waits for tables looks again. Our choice: a table takes tens of
/// milliseconds.
const STALL_POLL: Duration = Duration::from_millis(1);

/// The ledger's storage in a folder, on RocksDB.
///
/// May be shared between threads: reads do not wait for writes.
pub struct RocksStorage {
    database: Arc<Database>,
    /// `None` where the folder was opened for reading only.
    writer: Option<Mutex<Writer>>,
    is_closed: AtomicBool,
}

/// What a write needs, and what stops it.
struct Writer {
    reserve: Reserve,
    /// The first error of a write; every later write fails with it.
    failed: Option<StorageError>,
}

impl RocksStorage {
    /// Opens the ledger in `folder`, or begins one where there is none.
    ///
    /// # Errors
    /// [`StorageError::Locked`] where the folder is in use, [`StorageError::Schema`] where a newer
    /// version wrote it, [`StorageError::OldSchema`] where it is from before the first release,
    /// [`StorageError::Corrupt`] where it is damaged, and errors of the disk.
    pub fn open(folder: &Path, options: &OpenOptions) -> Result<Self, StorageError> {
        Self::open_as(folder, options, &schema::CURRENT)
    }

    /// Opens the ledger in `folder` as a software would whose schema is another.
    pub(crate) fn open_as(
        folder: &Path,
        options: &OpenOptions,
        schema: &Schema<'_>,
    ) -> Result<Self, StorageError> {
        folder::make(folder)?;
        let lock = FolderLock::acquire(folder)?;
        swap::take_back(folder)?;
        let found = folder::accept(folder, options, schema)?;
        let reserve = Reserve::hold(folder, options.reserve_bytes)?;
        if found.is_none() {
            folder::create(folder, options, |database| {
                schema.prepare(&Self::writable(database, reserve.clone()))
            })?;
        }
        let found = found.unwrap_or_else(|| schema.newest());
        let db = folder::open(folder, options, schema.missing_in(found))?;
        let storage = Self::writable(Database::new(db, Some(lock)), reserve);
        schema.prepare(&storage)?;
        Ok(storage)
    }

    /// Opens the ledger in `folder` for reading, as it is now. Needs no lock and changes nothing,
    /// so it works beside a running node; what that node writes later is not seen, and a table
    /// that it removes meanwhile fails a read.
    ///
    /// # Errors
    /// As [`RocksStorage::open`]; an older schema is refused too, and [`StorageError::Missing`]
    /// where there is no ledger.
    pub fn open_read_only(folder: &Path, options: &OpenOptions) -> Result<Self, StorageError> {
        Self::read_only(folder, options, None)
    }

    /// Opens the ledger in `folder` for reading, and keeps others from writing meanwhile.
    ///
    /// # Errors
    /// As [`RocksStorage::open_read_only`], and [`StorageError::Locked`] where a node runs on it.
    pub fn open_locked(folder: &Path, options: &OpenOptions) -> Result<Self, StorageError> {
        folder::expect(folder)?;
        let lock = FolderLock::acquire(folder)?;
        Self::read_only(folder, options, Some(lock))
    }

    fn read_only(
        folder: &Path,
        options: &OpenOptions,
        lock: Option<FolderLock>,
    ) -> Result<Self, StorageError> {
        let db = folder::open_read_only(folder, options)?;
        let storage = Self {
            database: Database::new(db, lock),
            writer: None,
            is_closed: AtomicBool::new(false),
        };
        match schema::version(&storage)? {
            Some(schema::SCHEMA_VERSION) => Ok(storage),
            found => Err(folder::foreign_schema(found, &schema::CURRENT)),
        }
    }

    /// Returns what tells whether it is still open, once this is dropped.
    pub fn watch(&self) -> Watch {
        self.database.watch()
    }

    /// Returns the open database.
    pub(crate) fn database(&self) -> &DB {
        &self.database.db
    }

    fn writable(database: Arc<Database>, reserve: Reserve) -> Self {
        Self {
            database,
            writer: Some(Mutex::new(Writer {
                reserve,
                failed: None,
            })),
            is_closed: AtomicBool::new(false),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            db: &self.database.db,
            snapshot: None,
        }
    }

    /// Hands a batch to RocksDB and waits until it is on the disk.
    fn commit(&self, writer: &Writer, batch: &WriteBatch) -> Result<(), StorageError> {
        if batch.size_bytes() > WRITE_BYTES_MAX {
            let reason = format!("a batch of {} bytes is too large", batch.size_bytes());
            return Err(StorageError::Io {
                operation: StorageOperation::Write,
                reason,
            });
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        // While tables are behind, RocksDB refuses and the waiting is done here: its own would not
        // end before a full disk has space again.
        options.set_no_slowdown(true);
        loop {
            let written = self.database.db.write_opt(self.encode(batch), &options);
            match written {
                Err(error) if error.kind() == ErrorKind::Incomplete => {
                    self.wait_for_tables(writer)?
                }
                written => {
                    return written
                        .map_err(|error| from_rocks(error, StorageOperation::Write, None));
                }
            }
        }
    }

    /// A batch in the form that RocksDB takes.
    fn encode(&self, batch: &WriteBatch) -> rocksdb::WriteBatch {
        let db = &self.database.db;
        let families = Column::ALL.map(|column| Database::family(db, column));
        // Each change has a head of a few bytes beside key and value.
        let bytes = batch
            .size_bytes()
            .saturating_add(batch.len().saturating_mul(12));
        let mut changes = rocksdb::WriteBatch::with_capacity_bytes(bytes);
        for operation in batch.operations() {
            match operation {
                WriteOperation::Put { column, key, value } => {
                    changes.put_cf(families[*column as usize], key, value);
                }
                WriteOperation::Delete { column, key } => {
                    changes.delete_cf(families[*column as usize], key);
                }
                // RocksDB takes a range that ends before it begins for a mistake.
                WriteOperation::DeleteRange { from, to, .. } if from >= to => {}
                WriteOperation::DeleteRange { column, from, to } => {
                    changes.delete_range_cf(families[*column as usize], from, to);
                }
            }
        }
        changes
    }

    /// Waits until RocksDB takes writes again, or has failed to write a table.
    fn wait_for_tables(&self, writer: &Writer) -> Result<(), StorageError> {
        loop {
            // Nothing works on the tables any more.
            self.check_open()?;
            if self.has_background_error()? {
                return Err(writer.background_error());
            }
            if self.property(properties::IS_WRITE_STOPPED)? == 0 {
                return Ok(());
            }
            thread::sleep(STALL_POLL);
        }
    }

    fn check_open(&self) -> Result<(), StorageError> {
        if self.is_closed.load(Ordering::Acquire) {
            let reason = "it is closed".to_owned();
            let operation = StorageOperation::Write;
            return Err(StorageError::Io { operation, reason });
        }
        Ok(())
    }

    /// Whether a table could not be written in the background since the folder was opened.
    fn has_background_error(&self) -> Result<bool, StorageError> {
        Ok(self.property(properties::BACKGROUND_ERRORS)? > 0)
    }

    fn property(&self, name: &PropName) -> Result<u64, StorageError> {
        let value = self.database.db.property_int_value(name);
        let value = value.map_err(|error| from_rocks(error, StorageOperation::Write, None))?;
        Ok(value.unwrap_or(0))
    }
}

impl_view!(RocksStorage);

impl Storage for RocksStorage {
    fn write(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut writer = lock(self.writer.as_ref().ok_or(StorageError::ReadOnly)?);
        if let Some(error) = &writer.failed {
            return Err(error.clone());
        }
        self.check_open()?;
        let written = self.commit(&writer, &batch).and_then(|()| {
            if self.has_background_error()? {
                Err(writer.background_error())
            } else {
                Ok(())
            }
        });
        if let Err(error) = &written {
            // RocksDB would try again by itself, and use up the space that is given back.
            self.database.db.cancel_all_background_work(false);
            writer.stop(error);
        }
        written
    }

    fn snapshot(&self) -> Result<Arc<dyn View>, StorageError> {
        Ok(Arc::new(RocksSnapshot::take(Arc::clone(&self.database))))
    }

    fn reclaim(&self, column: Column, from: &[u8], to: Option<&[u8]>) -> Result<(), StorageError> {
        let writer = self.writer.as_ref().ok_or(StorageError::ReadOnly)?;
        if let Some(error) = &lock(writer).failed {
            return Err(error.clone());
        }
        let mut compaction = CompactOptions::default();
        // Writes go on while it runs.
        compaction.set_exclusive_manual_compaction(false);
        // Also the tables at the bottom, where most of what was deleted lies.
        compaction.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
        let family = Database::family(&self.database.db, column);
        let from = (!from.is_empty()).then_some(from);
        self.database
            .db
            .compact_range_cf_opt(family, from, to, &compaction);
        // It returns nothing: what went wrong is counted.
        let mut writer = lock(writer);
        if let Some(error) = &writer.failed {
            return Err(error.clone());
        }
        if self.has_background_error()? {
            let error = writer.background_error();
            writer.stop(&error);
            return Err(error);
        }
        Ok(())
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.database.db.cancel_all_background_work(false);
    }
}

impl Writer {
    /// What stands behind an error of which RocksDB gives only the count.
    fn background_error(&self) -> StorageError {
        let unknown = || StorageError::Io {
            operation: StorageOperation::Write,
            reason: format!("a table could not be written; see {}/LOG", folder::DATA),
        };
        self.reserve.probe_disk().err().unwrap_or_else(unknown)
    }

    fn stop(&mut self, error: &StorageError) {
        if error.is_no_space() {
            self.reserve.free();
        }
        self.failed = Some(error.clone());
    }
}

/// A writer that panicked left no half-written state: RocksDB has the batch or has it not.
fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    #[test]
    fn a_closed_storage_takes_no_writes_and_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        let storage = RocksStorage::open(folder.path(), &OpenOptions::default()).unwrap();
        let put = |value: &str| {
            let mut batch = WriteBatch::new();
            batch.put(Column::State, b"key", value);
            storage.write(batch)
        };
        put("one").unwrap();
        storage.close();
        assert!(put("two").is_err());
        storage.reclaim(Column::State, b"", None).unwrap();
        assert_eq!(storage.get(Column::State, b"key"), Ok(Some(b"one".into())));
        let (watch, view) = (storage.watch(), storage.snapshot().unwrap());
        drop(storage);
        assert!(!watch.is_closed());
        drop(view);
        assert!(watch.is_closed());
        let storage = RocksStorage::open(folder.path(), &OpenOptions::default()).unwrap();
        assert_eq!(storage.get(Column::State, b"key"), Ok(Some(b"one".into())));
    }

    /// A software whose step from version 2 needs a column that version 2 did not have.
    fn later(step: &[schema::Migration]) -> Schema<'_> {
        Schema {
            oldest: 2,
            steps: step,
            added: &[(Column::Peer, 3)],
        }
    }

    fn move_to_peer(storage: &dyn Storage) -> Result<WriteBatch, StorageError> {
        let mut batch = WriteBatch::new();
        for (key, value) in storage.scan(Column::State, b"", None, usize::MAX)? {
            batch.put(Column::Peer, key, value);
        }
        Ok(batch)
    }

    /// A folder of version 2 without that column, as such a software would have left it.
    fn old_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions::default();
        let storage = RocksStorage::open(folder.path(), &options).unwrap();
        let mut batch = WriteBatch::new();
        batch.put(Column::State, b"key", b"value");
        batch.put(Column::Meta, schema::SCHEMA_KEY, 2u32.to_le_bytes());
        storage.write(batch).unwrap();
        drop(storage);
        let mut db = folder::open(folder.path(), &options, std::iter::empty()).unwrap();
        db.drop_cf(Column::Peer.name()).unwrap();
        drop(db);
        folder
    }

    #[test]
    fn a_step_finds_the_column_that_it_adds() {
        let folder = old_folder();
        let options = OpenOptions::default();
        for _ in 0..2 {
            let storage = RocksStorage::open_as(folder.path(), &options, &later(&[move_to_peer]));
            let storage = storage.unwrap();
            assert_eq!(storage.get(Column::Peer, b"key"), Ok(Some(b"value".into())));
            assert_eq!(schema::version(&storage), Ok(Some(3)));
        }
    }

    #[test]
    fn a_step_that_failed_runs_again_at_the_next_start() {
        let folder = old_folder();
        let options = OpenOptions::default();
        let failing: schema::Migration = |_| Err(StorageError::ReadOnly);
        let refused = RocksStorage::open_as(folder.path(), &options, &later(&[failing]));
        assert_eq!(refused.err(), Some(StorageError::ReadOnly));
        let storage = RocksStorage::open_as(folder.path(), &options, &later(&[move_to_peer]));
        let storage = storage.unwrap();
        assert_eq!(storage.get(Column::Peer, b"key"), Ok(Some(b"value".into())));
    }

    #[test]
    fn a_column_that_has_to_be_there_is_damage_where_it_is_not() {
        let folder = old_folder();
        let options = OpenOptions::default();
        let current = Schema {
            oldest: 2,
            steps: &[],
            added: &[],
        };
        let error = RocksStorage::open_as(folder.path(), &options, &current).err();
        assert!(error.unwrap().is_corrupt());
    }

    /// RocksDB looks for space by itself after a table failed, and a write that it made wait goes
    /// on waiting meanwhile (11.8.1). The table is slow here, so that a write waits when it fails.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_that_waits_for_a_table_ends_when_that_finds_no_space() {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            memtables_bytes_max: 2 << 20,
            ..OpenOptions::default()
        };
        drop(RocksStorage::open(folder.path(), &options).unwrap());
        let data = folder.path().join(folder::DATA);
        let mut slow = options::database(&options);
        slow.set_ratelimiter(100 << 10, 5_000_000, 10);
        let db = DB::open_cf_descriptors(&slow, &data, options::columns(&options)).unwrap();
        let reserve = Reserve::hold(folder.path(), 100_000).unwrap();
        let storage = RocksStorage::writable(Database::new(db, None), reserve);
        let put = |number: u32, bytes: usize| {
            let mut batch = WriteBatch::new();
            batch.put(Column::State, number.to_be_bytes(), vec![7; bytes]);
            batch
        };
        // A small table takes what may be written at once; the next one waits for five seconds.
        storage.write(put(0, 100_000)).unwrap();
        let family = Database::family(storage.database(), Column::State);
        storage.database().flush_cf(family).unwrap();
        for number in 1..1000 {
            let table = data.join(format!("{number:06}.sst"));
            // The name may be taken.
            let _ = std::os::unix::fs::symlink("/dev/full", table);
        }
        let (send, ended) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let error = (1..300).find_map(|number| storage.write(put(number, 1 << 20)).err());
            let _ = send.send((error, storage));
        });
        let (error, storage) = ended
            .recv_timeout(Duration::from_secs(120))
            .expect("the write still waits");
        let error = error.expect("300 MiB went to a full disk");
        assert_eq!(storage.write(put(1, 1)), Err(error));
    }
}
