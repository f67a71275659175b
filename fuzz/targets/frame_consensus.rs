//! A frame of the consensus lane; one of an unknown kind is skipped.
#![no_main]

use starling_gossip::message::ConsensusFrame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = ConsensusFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
