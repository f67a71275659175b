//! The consensus log behind its checksums: each piece of the input becomes the payload of a frame.
//!
//! A piece is two bytes that say its length, and its bytes.
#![no_main]

use starling_fuzz::{framed, fuzz_target};
use starling_node::consensus::wal::{decode, encode, retain};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    let file = framed(bytes);
    if let Ok(log) = decode(&file) {
        assert_eq!(log.good_bytes, file.len());
        let again = decode(&encode(&log.records)).expect("what is written is read");
        assert_eq!(again.records, log.records);
        let kept = retain(&file, 2).and_then(|bytes| decode(&bytes));
        let kept = kept.expect("it was read before").records;
        let late = log.records.into_iter().filter(|record| record.height >= 2);
        assert_eq!(kept, late.collect::<Vec<_>>());
    }
});
