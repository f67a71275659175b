//! Files of checksummed frames, torn or damaged.
#![no_main]

use starling_fuzz::{framed, fuzz_target};
use starling_node::consensus::frame::{append, read};

fn check(file: &[u8]) {
    if let Ok(frames) = read(file) {
        let mut good = Vec::new();
        for (offset, payload) in &frames.payloads {
            assert_eq!(*offset, good.len());
            append(&mut good, payload);
        }
        assert_eq!(Some(good.as_slice()), file.get(..frames.good_bytes));
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let Some((at, pieces)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    // With one byte changed, or the end torn off.
    let mut file = framed(pieces);
    let at = usize::from(u16::from_le_bytes(*at)) % file.len().max(1);
    check(&file[..at]);
    if let Some(byte) = file.get_mut(at) {
        *byte ^= 1;
    }
    check(&file);
});
