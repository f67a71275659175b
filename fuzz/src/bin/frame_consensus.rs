//! Frames of the consensus lane; those of an unknown kind are skipped.
#![no_main]

use starling_fuzz::fuzz_target;
use starling_gossip::message::ConsensusFrame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = ConsensusFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
