//! Frames of the blocks lane; those of an unknown kind are skipped.
#![no_main]

use starling_fuzz::fuzz_target;
use starling_gossip::message::BlockFrame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = BlockFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
