//! The files of waiting transactions, torn or damaged, and the journal that rewrites one of them.
//!
//! The input is read as it is; as payloads of frames (a piece is two bytes that say its length, and
//! its bytes); and as transactions that are submitted, every third of which is gone soon after.
#![no_main]

use starling_fuzz::{NETWORK, framed, fuzz_target, pieces};
use starling_ledger::transaction::{RawTransaction, TRANSACTION_BYTES_MAX};
use starling_node::core::{KeepId, KeepWrite};
use starling_node::mempool::{Journal, JournalWrite, file};

fn check(bytes: &[u8]) {
    let Ok(contents) = file::decode(bytes, &NETWORK) else {
        return;
    };
    assert!(contents.good_bytes <= bytes.len());
    let good = bytes.get(..contents.good_bytes).expect("checked above");
    assert_eq!(file::decode(good, &NETWORK).as_ref(), Ok(&contents));
    let again = [file::header(*NETWORK), file::encode(&contents.transactions)].concat();
    let again = file::decode(&again, &NETWORK).expect("what is written is read");
    assert_eq!(again.transactions, contents.transactions);
    assert_eq!(again.damaged, 0);
}

fn submit(bytes: &[u8]) {
    let all: Vec<_> = pieces(bytes)
        .filter(|piece| piece.len() <= TRANSACTION_BYTES_MAX)
        .map(|piece| RawTransaction(piece.into()))
        .collect();
    let (mut journal, mut disk) = (Journal::new(*NETWORK, &[], 0).rewritten_at(256), Vec::new());
    for (number, raw) in (0..).zip(&all) {
        let before = all.get(number / 3 * 3).filter(|_| number % 3 == 2);
        let write = KeepWrite {
            id: KeepId(0),
            transaction: raw.clone(),
            gone: before.map(RawTransaction::wire_id).into_iter().collect(),
        };
        match journal.write(&[write]) {
            JournalWrite::Append(bytes) => disk.extend(bytes),
            JournalWrite::Replace(bytes) => disk = bytes,
        }
    }
    let found = file::decode(&disk, &NETWORK).expect("it is of this network");
    assert_eq!((found.damaged, found.good_bytes), (0, disk.len()));
    assert!(journal.open().all(|open| found.transactions.contains(open)));
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&framed(bytes));
    check(&[file::header(*NETWORK), framed(bytes)].concat());
    submit(bytes);
});
