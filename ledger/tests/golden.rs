//! The bytes of every type of the format, pinned.
//!
//! A difference means that nodes of two versions no longer understand each other: change the files
//! only together with the protocol version. `vectors/golden/README.md` says how to write them anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads and writes the vectors"
)]

#[path = "golden/samples.rs"]
mod samples;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use samples::all;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/golden")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn generated() -> BTreeMap<&'static str, String> {
    let mut files: BTreeMap<_, String> = BTreeMap::new();
    for sample in all() {
        let text = files.entry(sample.file).or_default();
        let (name, kind) = (sample.name, sample.kind);
        writeln!(text, "{name} {kind} {}", hex(&sample.bytes)).unwrap();
    }
    files
}

#[test]
fn every_type_has_its_golden_bytes() {
    let bless = env::var_os("STARLING_BLESS").is_some();
    for (name, text) in generated() {
        if bless {
            fs::write(folder().join(name), &text).unwrap();
        }
        let pinned = fs::read_to_string(folder().join(name)).unwrap();
        for (pinned, generated) in pinned.lines().zip(text.lines()) {
            assert_eq!(generated, pinned, "{name}");
        }
        assert_eq!(text.len(), pinned.len(), "{name}");
    }
}

#[test]
fn golden_bytes_decode_and_encode_to_themselves() {
    let pinned: BTreeMap<_, _> = generated()
        .into_keys()
        .map(|name| (name, fs::read_to_string(folder().join(name)).unwrap()))
        .collect();
    for sample in all() {
        let lines = pinned[sample.file].lines();
        let mut rows = lines.map(|line| line.split(' ').collect::<Vec<_>>());
        let row = rows.find(|row| row[0] == sample.name).unwrap();
        let bytes = unhex(row[2]);
        assert_eq!((sample.again)(&bytes), Ok(bytes), "{}", sample.name);
    }
}
