//! The storage of the product: opening, writing, sizes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocksdb::{DB, WriteOptions, properties};
use starling_ledger::storage::{
    Column, Entry, Storage, StorageError, StorageOperation, View, WriteBatch, WriteOperation,
    schema,
};

use crate::error::{from_io, from_open, from_rocks, is_locked};
use crate::lock::{FolderLock, locked};
use crate::options::{self, OpenOptions};
use crate::reader::{Database, Reader, RocksSnapshot, impl_view};
use crate::reserve::Reserve;

/// The data inside a folder, and the name it has while it is made.
const DATA: &str = "rocksdb";
const UNFINISHED: &str = "rocksdb.new";

/// The most bytes of keys and values one batch may have. RocksDB ends at 4 GiB and keeps a batch in
/// memory three times; a block at its limits, with its state, is under 64 MiB.
pub const WRITE_BYTES_MAX: usize = 1 << 30;

/// The ledger's storage in a folder, on RocksDB.
///
/// May be shared between threads: reads do not wait for writes.
pub struct RocksStorage {
    database: Arc<Database>,
    /// `None` where the folder was opened for reading only.
    writer: Option<Mutex<Writer>>,
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
    /// version wrote it, [`StorageError::Corrupt`] where it is damaged, and errors of the disk.
    pub fn open(folder: &Path, options: &OpenOptions) -> Result<Self, StorageError> {
        fs::create_dir_all(folder).map_err(|error| opening(&error, folder))?;
        let lock = FolderLock::acquire(folder)?;
        let reserve = Reserve::hold(folder, options.reserve_bytes)?;
        let data = folder.join(DATA);
        if data.exists() {
            expect_log(&data)?;
            refuse_newer_schema(&data, options)?;
        } else {
            create(folder, &reserve, options)?;
        }
        let db = open_data(&data, options)?;
        let storage = Self::writable(Database::new(db, Some(lock)), reserve);
        schema::prepare(&storage)?;
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
        let data = folder.join(DATA);
        if !data.is_dir() {
            return Err(StorageError::Missing {
                folder: folder.display().to_string(),
            });
        }
        let database = options::database(options);
        let columns = options::columns(options);
        let db = DB::open_cf_descriptors_read_only(&database, &data, columns, false)
            .map_err(|error| from_open(error, &data))?;
        let storage = Self {
            database: Database::new(db, None),
            writer: None,
        };
        match schema::version(&storage)? {
            Some(schema::SCHEMA_VERSION) => Ok(storage),
            found => Err(foreign_schema(found)),
        }
    }

    /// The bytes each column takes, on the disk and in memory, about.
    ///
    /// # Errors
    /// Where RocksDB does not tell.
    pub fn sizes(&self) -> Result<Vec<(Column, u64)>, StorageError> {
        let size = |column| {
            let family = Database::family(&self.database.db, column);
            let read = |name| {
                let value = self.database.db.property_int_value_cf(family, name);
                value.map_err(|error| from_rocks(error, StorageOperation::Read, Some(column)))
            };
            let disk = read(properties::LIVE_SST_FILES_SIZE)?.unwrap_or(0);
            let memory = read(properties::CUR_SIZE_ALL_MEM_TABLES)?.unwrap_or(0);
            Ok((column, disk.saturating_add(memory)))
        };
        Column::ALL.into_iter().map(size).collect()
    }

    fn writable(database: Arc<Database>, reserve: Reserve) -> Self {
        Self {
            database,
            writer: Some(Mutex::new(Writer {
                reserve,
                failed: None,
            })),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            db: &self.database.db,
            snapshot: None,
        }
    }

    /// Hands a batch to RocksDB and waits until it is on the disk.
    fn commit(&self, batch: &WriteBatch) -> Result<(), StorageError> {
        if batch.size_bytes() > WRITE_BYTES_MAX {
            let reason = format!("a batch of {} bytes is too large", batch.size_bytes());
            return Err(StorageError::Io {
                operation: StorageOperation::Write,
                reason,
            });
        }
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
            }
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        db.write_opt(changes, &synced)
            .map_err(|error| from_rocks(error, StorageOperation::Write, None))
    }

    /// Whether a table could not be written in the background since the folder was opened.
    fn has_background_error(&self) -> Result<bool, StorageError> {
        let count = self
            .database
            .db
            .property_int_value(properties::BACKGROUND_ERRORS);
        let count = count.map_err(|error| from_rocks(error, StorageOperation::Write, None))?;
        Ok(count.unwrap_or(0) > 0)
    }
}

impl_view!(RocksStorage);

impl Storage for RocksStorage {
    fn write(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut writer = lock(self.writer.as_ref().ok_or(StorageError::ReadOnly)?);
        if let Some(error) = &writer.failed {
            return Err(error.clone());
        }
        let written = self.commit(&batch).and_then(|()| {
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
}

impl Writer {
    /// What stands behind an error of which RocksDB gives only the count.
    fn background_error(&self) -> StorageError {
        let unknown = || StorageError::Io {
            operation: StorageOperation::Write,
            reason: format!("a table could not be written; see {DATA}/LOG"),
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

fn opening(error: &std::io::Error, path: &Path) -> StorageError {
    from_io(error, StorageOperation::Open, path)
}

/// Opens data that is there. Nothing is created: a missing file is damage.
fn open_data(data: &Path, options: &OpenOptions) -> Result<DB, StorageError> {
    let database = options::database(options);
    DB::open_cf_descriptors(&database, data, options::columns(options)).map_err(|error| {
        if is_locked(&error) {
            locked(data.parent().unwrap_or(data), None)
        } else {
            from_open(error, data)
        }
    })
}

/// Checks that the log of writes is there. RocksDB makes the next log before it removes the last
/// one, so there always is one; where it was taken away RocksDB would start from an older state.
fn expect_log(data: &Path) -> Result<(), StorageError> {
    let failed = |error| opening(&error, data);
    for entry in fs::read_dir(data).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "log") {
            return Ok(());
        }
    }
    let reason = format!("the log of writes, {}/*.log, is missing", data.display());
    Err(StorageError::Corrupt {
        column: None,
        reason,
    })
}

/// Makes an empty ledger aside and gives it its name when it is complete.
fn create(folder: &Path, reserve: &Reserve, options: &OpenOptions) -> Result<(), StorageError> {
    let (data, unfinished) = (folder.join(DATA), folder.join(UNFINISHED));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| opening(&error, &unfinished))?;
    }
    let mut database = options::database(options);
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    let db = DB::open_cf_descriptors(&database, &unfinished, options::columns(options))
        .map_err(|error| from_open(error, &data))?;
    let database = Database::new(db, None);
    schema::prepare(&RocksStorage::writable(database, reserve.clone()))?;
    fs::rename(&unfinished, &data).map_err(|error| opening(&error, &data))?;
    sync_folder(folder)
}

/// Makes a new name in a folder survive a power loss.
fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| opening(&error, folder))
}

/// Looks at the schema without changing anything: a newer version may have columns this one cannot
/// even open.
fn refuse_newer_schema(data: &Path, options: &OpenOptions) -> Result<(), StorageError> {
    let opened = |error| from_open(error, data);
    let database = options::database(options);
    let meta = Column::Meta.name();
    let db = DB::open_cf_for_read_only(&database, data, [meta], false).map_err(opened)?;
    let view = RocksStorage {
        database: Database::new(db, None),
        writer: None,
    };
    match schema::version(&view)? {
        Some(version) if version <= schema::SCHEMA_VERSION => Ok(()),
        found => Err(foreign_schema(found)),
    }
}

/// The error for a schema this version does not read. A ledger gets its schema before its name, so
/// one without is damaged.
fn foreign_schema(found: Option<u32>) -> StorageError {
    found.map_or_else(
        || StorageError::corrupt(Column::Meta, "the schema version is missing"),
        |found| StorageError::Schema {
            found,
            known: schema::SCHEMA_VERSION,
        },
    )
}
