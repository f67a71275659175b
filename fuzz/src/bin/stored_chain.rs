//! A store with whatever in it: reading the chain from it fails or not, and nothing else.
//!
//! The input is a list of entries: a byte for the column, one for the key, two for the length of
//! the value, and the value.
#![no_main]

use std::sync::Arc;

use starling_fuzz::fuzz_target;
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::chain::ChainReader;
use starling_ledger::hash::Hash;
use starling_ledger::storage::{Column, MemoryStorage, Storage as _, WriteBatch, schema};
use starling_ledger::transaction::TransactionId;

const NAME: Hash = Hash([7; 32]);

/// Keys under which something is looked for.
fn keys() -> [Vec<u8>; 10] {
    let number = 1u64.to_be_bytes();
    [
        b"genesis".to_vec(),
        b"tip".to_vec(),
        b"first".to_vec(),
        b"history".to_vec(),
        schema::SCHEMA_KEY.to_vec(),
        number.to_vec(),
        [&[0], number.as_slice()].concat(),
        [&[1], NAME.0.as_slice()].concat(),
        NAME.0.to_vec(),
        [NAME.0.as_slice(), &number].concat(),
    ]
}

fn entry(input: &mut &[u8], batch: &mut WriteBatch) -> Option<()> {
    let ([column, key, low, high], rest) = input.split_first_chunk()?;
    let column = Column::ALL[usize::from(*column) % Column::ALL.len()];
    let keys = keys();
    let key = keys[usize::from(*key) % keys.len()].clone();
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let (value, rest) = rest.split_at(length.min(rest.len()));
    batch.put(column, key, value);
    *input = rest;
    Some(())
}

fuzz_target!(|bytes: &[u8]| {
    let (mut input, mut batch) = (bytes, WriteBatch::new());
    while entry(&mut input, &mut batch).is_some() {}
    let storage = MemoryStorage::new();
    storage.write(batch).expect("memory takes it");
    let _ = schema::version(&storage);
    let reader = ChainReader::new(Arc::new(storage));
    let _ = (
        reader.genesis(),
        reader.tip(),
        reader.first(),
        reader.history_index(),
    );
    let _ = (
        reader.header(1),
        reader.certificate(1),
        reader.validators(&NAME),
    );
    let _ = (
        reader.block(1),
        reader.raw_block(1),
        reader.raw_final_block(1),
    );
    let _ = (
        reader.height_of(&BlockHash(NAME)),
        reader.transaction(&TransactionId(NAME)),
    );
    let _ = reader.history_page(&AccountId(NAME.0), None, 10);
});
