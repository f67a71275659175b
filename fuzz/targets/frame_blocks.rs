//! A frame of the blocks lane; one of an unknown kind is skipped.
#![no_main]

use starling_gossip::message::BlockFrame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = BlockFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
