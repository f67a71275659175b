//! A frame of the address lane; one of an unknown kind is skipped.
#![no_main]

use starling_gossip::message::AddressFrame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(frame)) = AddressFrame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
