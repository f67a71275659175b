//! The folder of a ledger: how its data comes into being, and what is looked at before it is
//! opened.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::DB;
use starling_ledger::storage::schema::{self, Schema};
use starling_ledger::storage::{Column, StorageError, StorageOperation};

use crate::error::{from_io, from_open, is_locked};
use crate::lock::locked;
use crate::manifest;
use crate::options::{self, OpenOptions};
use crate::reader::{Database, Reader};

/// The data inside a folder.
pub(crate) const DATA: &str = "rocksdb";
/// The name it has while it is made.
const UNFINISHED: &str = "rocksdb.new";

/// Makes the folder.
pub(crate) fn make(folder: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(folder).map_err(|error| opening(&error, folder))
}

/// Checks that there is a ledger.
pub(crate) fn expect(folder: &Path) -> Result<(), StorageError> {
    if folder.join(DATA).is_dir() {
        return Ok(());
    }
    Err(StorageError::Missing {
        folder: folder.display().to_string(),
    })
}

/// Opens data that is there. Nothing is created but what this version added since it was written: a
/// missing file is damage.
pub(crate) fn open(
    folder: &Path,
    options: &OpenOptions,
    added: impl Iterator<Item = Column>,
) -> Result<DB, StorageError> {
    let data = folder.join(DATA);
    let mut database = options::database(options);
    let added = added.count() > 0;
    database.create_missing_column_families(added);
    DB::open_cf_descriptors(&database, &data, options::columns(options)).map_err(|error| {
        if is_locked(&error) {
            locked(folder, None)
        } else {
            from_open(error, &data)
        }
    })
}

/// Opens data for reading only; changes nothing.
pub(crate) fn open_read_only(folder: &Path, options: &OpenOptions) -> Result<DB, StorageError> {
    expect(folder)?;
    let data = folder.join(DATA);
    // Columns are told from the schema first: an older one may lack some.
    accept(folder, options, &schema::CURRENT)?;
    let (database, columns) = (options::database(options), options::columns(options));
    DB::open_cf_descriptors_read_only(&database, &data, columns, false)
        .map_err(|error| from_open(error, &data))
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
pub(crate) fn create(
    folder: &Path,
    options: &OpenOptions,
    prepare: impl FnOnce(Arc<Database>) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let (data, unfinished) = (folder.join(DATA), folder.join(UNFINISHED));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| opening(&error, &unfinished))?;
    }
    let mut database = options::database(options);
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    let db = DB::open_cf_descriptors(&database, &unfinished, options::columns(options))
        .map_err(|error| from_open(error, &data))?;
    prepare(Database::new(db, None))?;
    fs::rename(&unfinished, &data).map_err(|error| opening(&error, &data))?;
    sync_folder(folder)
}

/// Makes a new name in a folder survive a power loss.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| opening(&error, folder))
}

/// Looks at the schema without changing anything: a newer version may have columns this one cannot
/// even open, an older one lacks some. Returns the version; `None` where there is no data.
pub(crate) fn accept(
    folder: &Path,
    options: &OpenOptions,
    schema: &Schema<'_>,
) -> Result<Option<u32>, StorageError> {
    let data: PathBuf = folder.join(DATA);
    if !data.exists() {
        return Ok(None);
    }
    expect_log(&data)?;
    manifest::check(&data)?;
    let database = options::database(options);
    let meta = Column::Meta.name();
    let db = DB::open_cf_for_read_only(&database, &data, [meta], false)
        .map_err(|error| from_open(error, &data))?;
    let reader = Reader {
        db: &db,
        snapshot: None,
    };
    let found = schema::version(&reader)?;
    match found {
        Some(version) if schema.accept(version).is_ok() => Ok(found),
        found => Err(foreign_schema(found, schema)),
    }
}

/// The error for a schema this version does not read. A ledger gets its schema before its name, so
/// one without is damaged.
pub(crate) fn foreign_schema(found: Option<u32>, schema: &Schema<'_>) -> StorageError {
    let Some(found) = found else {
        return StorageError::corrupt(Column::Meta, "the schema version is missing");
    };
    let known = schema.newest();
    schema
        .accept(found)
        .err()
        .unwrap_or(StorageError::Schema { found, known })
}

fn opening(error: &std::io::Error, path: &Path) -> StorageError {
    from_io(error, StorageOperation::Open, path)
}
