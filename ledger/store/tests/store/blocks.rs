//! A small ledger whose every block touches three columns, so that a torn one shows.

use std::path::Path;

use starling_ledger::storage::{Column, Storage, StorageError, View, WriteBatch};
use starling_store::{OpenOptions, RocksStorage};

/// Bytes of a body: enough of them that a hundred blocks span several blocks of a table.
const BODY_BYTES: usize = 300;

pub(crate) fn open(folder: &Path) -> Result<RocksStorage, StorageError> {
    RocksStorage::open(folder, &options())
}

/// Small, so that tests are quick.
pub(crate) fn options() -> OpenOptions {
    OpenOptions {
        cache_bytes: 1 << 20,
        reserve_bytes: 100_000,
        ..OpenOptions::default()
    }
}

/// What a block says in its body: does not compress, and is known from its number.
fn body(number: u32) -> Vec<u8> {
    let mut word = number;
    let words = std::iter::from_fn(|| {
        word = word.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        Some((word >> 24) as u8)
    });
    words.take(BODY_BYTES).collect()
}

pub(crate) fn write_block(storage: &RocksStorage, number: u32) -> Result<(), StorageError> {
    let mut batch = WriteBatch::new();
    batch.put(Column::Header, number.to_be_bytes(), number.to_le_bytes());
    batch.put(Column::Body, number.to_be_bytes(), body(number));
    batch.put(Column::Meta, b"tip", number.to_le_bytes());
    storage.write(batch)
}

/// Reads everything in every way and returns the number of the last block.
///
/// # Panics
/// Where what is read is not exactly the blocks up to the last one: an error is allowed to a
/// broken disk, another ledger is not.
pub(crate) fn tip(view: &dyn View) -> Result<u32, StorageError> {
    let tip = view.get(Column::Meta, b"tip")?.map_or(0, |bytes| {
        u32::from_le_bytes(bytes.try_into().expect("a tip has four bytes"))
    });
    let headers = view.scan(Column::Header, b"", None, usize::MAX)?;
    let expected: Vec<_> = (1..=tip)
        .map(|n| (n.to_be_bytes().to_vec(), n.to_le_bytes().to_vec()))
        .collect();
    assert_eq!(headers, expected);
    let mut back = view.scan_back(Column::Header, b"", None, usize::MAX)?;
    back.reverse();
    assert_eq!(back, expected);
    let keys: Vec<&[u8]> = headers.iter().map(|(key, _)| key.as_slice()).collect();
    let bodies = view.multi_get(Column::Body, &keys)?;
    for (number, found) in (1..=tip).zip(bodies) {
        assert_eq!(found, Some(body(number)));
        assert_eq!(view.get(Column::Body, &number.to_be_bytes())?, found);
    }
    assert_eq!(view.get(Column::Body, &(tip + 1).to_be_bytes())?, None);
    Ok(tip)
}
