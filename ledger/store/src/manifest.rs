//! A look at the manifest before RocksDB reads it.
//!
//! RocksDB can read a damaged manifest for ever instead of refusing it. So the frame of each record
//! is looked at first; what a record holds, and its checksum, are left to RocksDB.
//!
//! # Source
//! RocksDB's log format: blocks of 32 KiB; a record has a checksum (4 bytes), a length (2, little
//! endian) and a type (1), and never crosses a block.

use std::fs;
use std::path::Path;

use starling_ledger::storage::StorageError;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
/// A whole record, or the first, a middle or the last piece of one. Others are for files that are
/// written over, which a manifest is not.
const TYPES: std::ops::RangeInclusive<u8> = 1..=4;

/// Checks the manifest of the data in `data`. One that is missing is for RocksDB to name.
pub(crate) fn check(data: &Path) -> Result<(), StorageError> {
    let Ok(current) = fs::read_to_string(data.join("CURRENT")) else {
        return Ok(());
    };
    let path = data.join(current.trim_end());
    let Ok(bytes) = fs::read(&path) else {
        return Ok(());
    };
    match bytes.chunks(BLOCK_BYTES).enumerate().find_map(bad_record) {
        None => Ok(()),
        Some(offset) => Err(StorageError::Corrupt {
            column: None,
            reason: format!("{}: no record begins at byte {offset}", path.display()),
        }),
    }
}

/// Returns where in the file a record of this block is of no type that a manifest has.
fn bad_record((number, block): (usize, &[u8])) -> Option<usize> {
    let mut offset = 0;
    while let Some([_, _, _, _, low, high, kind]) = block
        .get(offset..)
        .and_then(<[u8]>::first_chunk::<HEADER_BYTES>)
    {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if *kind == 0 && length == 0 {
            return None;
        }
        if !TYPES.contains(kind) {
            return Some(number * BLOCK_BYTES + offset);
        }
        offset += HEADER_BYTES + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![9, 9, 9, 9, length, 0, kind];
        bytes.extend(vec![7; usize::from(length)]);
        bytes
    }

    #[test]
    fn a_record_of_an_unknown_type_is_found_where_it_begins() {
        let whole = [record(1, 20), record(2, 3), record(4, 0)].concat();
        assert_eq!(bad_record((0, &whole)), None);
        let padded = [whole.clone(), vec![0; 40]].concat();
        assert_eq!(bad_record((0, &padded)), None);
        let damaged = [whole.clone(), record(77, 2), record(1, 2)].concat();
        assert_eq!(bad_record((0, &damaged)), Some(whole.len()));
        assert_eq!(bad_record((1, &damaged)), Some(BLOCK_BYTES + whole.len()));
    }

    #[test]
    fn a_folder_without_a_manifest_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(folder.path()), Ok(()));
        fs::write(folder.path().join("CURRENT"), "MANIFEST-000001\n").unwrap();
        assert_eq!(check(folder.path()), Ok(()));
        fs::write(folder.path().join("MANIFEST-000001"), record(77, 1)).unwrap();
        let error = check(folder.path()).unwrap_err();
        assert!(error.to_string().contains("MANIFEST-000001"), "{error}");
    }
}
