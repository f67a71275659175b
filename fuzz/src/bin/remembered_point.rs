//! The file in which a light client remembers the point it trusts.
#![no_main]

use starling_fuzz::{GENESIS, fuzz_target, sealed};
use starling_ledger::light::Trusted;

fuzz_target!(|content: &[u8]| {
    let _ = Trusted::from_bytes(&GENESIS, content);
    let file = sealed(b"STARHEAD", content);
    if let Ok(Ok(point)) = Trusted::from_bytes(&GENESIS, &file) {
        assert_eq!(point.to_bytes(), Some(file));
    }
});
