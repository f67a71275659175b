//! The binary allocates as the machine does, and so do the benchmarks: figures are of the program
//! that people run (decision 16).

use std::fs;
use std::path::Path;

use starling_tests::testnet::binary;
use starling_tests::tidy;

/// Beginnings of the symbols of allocators that a program may bring along.
const BROUGHT_ALONG: [&str; 5] = [
    "mi_malloc",
    "je_malloc",
    "rjem_malloc",
    "tc_malloc",
    "sn_malloc",
];

fn mentions(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|part| part == word.as_bytes())
}

#[test]
fn the_binary_brings_no_allocator_along() {
    let path = binary();
    let bytes = fs::read(&path).expect("the binary is built: make build");
    // Its symbols are there: without them the rest would say nothing.
    assert!(mentions(&bytes, "rocksdb_open"), "it has no symbols");
    for word in BROUGHT_ALONG {
        assert!(!mentions(&bytes, word), "{word} is in {}", path.display());
    }
}

#[test]
fn no_program_of_ours_chooses_an_allocator() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let attribute = ["#[global", "_allocator]"].concat();
    for path in tidy::walk(&root).expect("the sources are readable") {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            assert!(!text.contains(&attribute), "{}", path.display());
        }
    }
}
