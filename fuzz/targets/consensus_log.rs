//! The consensus log: a torn tail is left out, and what is read is written again as it was meant.
#![no_main]

use starling_node::consensus::wal;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(log) = wal::decode(bytes) {
        assert!(log.good_bytes <= bytes.len());
        let written = wal::encode(&log.records);
        let again = wal::decode(&written).expect("it was written here");
        assert_eq!(again.records, log.records);
    }
});
