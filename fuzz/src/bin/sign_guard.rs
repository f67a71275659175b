//! The sign guard behind its checksums: each piece of the input becomes the payload of a frame.
//!
//! A piece is two bytes that say its length, and its bytes.
#![no_main]

use starling_fuzz::{framed, fuzz_target};
use starling_node::consensus::guard::decode;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    let file = framed(bytes);
    if let Ok((guard, good_bytes)) = decode(&file) {
        assert_eq!(good_bytes, file.len());
        let rewritten = guard.encode();
        let again = decode(&rewritten).expect("a rewritten guard is read");
        let length = rewritten.len();
        assert_eq!(again, (guard.clone(), length));
        // What was signed is never signed otherwise, before and after the file is rewritten.
        for message in guard.messages_at(guard.height()) {
            let behind = message.place().1 < guard.round_floor();
            match guard.check(message) {
                Ok(signed) => assert_eq!(signed, Some(*message)),
                Err(error) => assert!(behind, "{error}"),
            }
        }
    }
});
