//! A frame of the transactions lane; one of an unknown kind is skipped.
#![no_main]

use starling_gossip::message::TransactionFrame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = TransactionFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
