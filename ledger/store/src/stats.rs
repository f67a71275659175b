//! What the columns take: entries, bytes, compression.

use rocksdb::properties;
use starling_ledger::storage::{Column, StorageError, StorageOperation};

use crate::error::from_rocks;
use crate::reader::Database;
use crate::rocks::RocksStorage;

/// What one column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnStats {
    /// The column.
    pub column: Column,
    /// Entries, about: RocksDB counts changes, and takes deletions off.
    pub entries: u64,
    /// Bytes on the disk.
    pub disk_bytes: u64,
    /// Bytes in memory that are in no table yet, but in the log of writes.
    pub memory_bytes: u64,
    /// Bytes of keys and values in the tables, before compression.
    pub raw_bytes: u64,
}

impl RocksStorage {
    /// Returns what each column takes.
    ///
    /// # Errors
    /// Where RocksDB does not tell.
    pub fn stats(&self) -> Result<Vec<ColumnStats>, StorageError> {
        let stats = |column| {
            let failed = |error| from_rocks(error, StorageOperation::Read, Some(column));
            let family = Database::family(self.database(), column);
            let read = |name| {
                let value = self.database().property_int_value_cf(family, name);
                Ok::<_, StorageError>(value.map_err(failed)?.unwrap_or(0))
            };
            let tables = self
                .database()
                .property_value_cf(family, properties::AGGREGATED_TABLE_PROPERTIES);
            let tables = tables.map_err(failed)?.unwrap_or_default();
            let raw = ["raw key size", "raw value size"].map(|name| number(&tables, name));
            Ok(ColumnStats {
                column,
                entries: read(properties::ESTIMATE_NUM_KEYS)?,
                disk_bytes: read(properties::LIVE_SST_FILES_SIZE)?,
                memory_bytes: read(properties::CUR_SIZE_ALL_MEM_TABLES)?,
                raw_bytes: raw.into_iter().fold(0, u64::saturating_add),
            })
        };
        Column::ALL.into_iter().map(stats).collect()
    }

    /// The bytes each column takes, on the disk and in memory, about.
    ///
    /// # Errors
    /// Where RocksDB does not tell.
    pub fn sizes(&self) -> Result<Vec<(Column, u64)>, StorageError> {
        let size = |one: ColumnStats| {
            let bytes = one.disk_bytes.saturating_add(one.memory_bytes);
            (one.column, bytes)
        };
        Ok(self.stats()?.into_iter().map(size).collect())
    }
}

/// Finds a number in the text of a property, `name=value; …`; zero where there is none.
fn number(text: &str, name: &str) -> u64 {
    let mut fields = text.split(';').filter_map(|field| field.split_once('='));
    let found = fields.find(|(field, _)| field.trim() == name);
    found
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let text = "# entries=7; raw key size=40; raw average key size=5.0; raw value size=9";
        assert_eq!(number(text, "raw key size"), 40);
        assert_eq!(number(text, "raw value size"), 9);
        assert_eq!(number(text, "raw size"), 0);
        assert_eq!(number("", "raw key size"), 0);
    }
}
