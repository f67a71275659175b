//! A frame of the sync lane; one of an unknown kind is skipped.
#![no_main]

use starling_gossip::message::SyncFrame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = SyncFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
