//! Golden bytes with one thing wrong, every one of which is refused.
//!
//! `tests/python/hostile.py` made the patches: it knows where every tag, length, number, text and
//! key of the golden vectors stands, and breaks each in every way that has fooled a decoder
//! somewhere. What a line holds stands in `vectors/hostile/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the corpus from a file"
)]

#[path = "golden/samples.rs"]
mod samples;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use samples::{Sample, all};

/// One line of the corpus.
struct Patch<'a> {
    at: usize,
    remove: usize,
    insert: Vec<u8>,
    why: &'a str,
}

impl<'a> Patch<'a> {
    /// Parses offset, bytes to remove, bytes to insert, and what is wrong.
    fn new(fields: [&'a str; 4]) -> Self {
        let [at, remove, insert, why] = fields;
        let digits = insert.trim_matches('-').as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Self {
            at: at.parse().unwrap(),
            remove: remove.parse().unwrap(),
            insert: digits.map(byte).collect(),
            why,
        }
    }

    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        [
            &bytes[..self.at],
            &self.insert,
            &bytes[self.at + self.remove..],
        ]
        .concat()
    }
}

#[test]
fn refuses_every_golden_value_with_one_thing_wrong() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/hostile/patches.txt");
    let corpus = fs::read_to_string(path).unwrap();
    let named = |sample: &'static Sample| ((sample.file, sample.name), sample);
    let samples: BTreeMap<_, _> = all().iter().map(named).collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in corpus.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [file, name, fields @ ..] = &fields[..] else {
            panic!("{line}");
        };
        let sample = samples.get(&(*file, *name)).expect(line);
        let patch = Patch::new(fields.try_into().unwrap());
        let bytes = patch.apply(&sample.bytes);
        assert!((sample.again)(&bytes).is_err(), "{line}");
        let kind = patch.why.split('-').next().unwrap();
        *kinds.entry(kind).or_default() += 1;
    }
    // A corpus that has shrunk to nothing must not pass.
    for kind in ["number", "length", "tag", "option", "text", "list", "key"] {
        assert!(
            kinds.get(kind).is_some_and(|count| *count >= 5),
            "{kind}: {kinds:?}"
        );
    }
}
