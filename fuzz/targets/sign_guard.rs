//! The sign guard: what it knows survives being written anew.
#![no_main]

use starling_node::consensus::guard;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok((state, good_bytes)) = guard::decode(bytes) {
        assert!(good_bytes <= bytes.len());
        let (again, _) = guard::decode(&state.encode()).expect("it was written here");
        assert_eq!(again, state);
    }
});
