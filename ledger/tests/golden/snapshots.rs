//! A manifest of a snapshot, and chunks: of a whole state, and of one half of another.

use starling_ledger::codec::{CodecError, encode};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::snapshot::{SnapshotManifest, chunks_of, manifest_of};
use starling_ledger::state::{CHUNK_BYTES_MAX, StateChunk, VALUE_BYTES_MAX};

use super::receipts::History;
use super::state::{Content, state};
use super::{Sample, sample};

const FILE: &str = "snapshot.txt";

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = whole();
    samples.extend(half());
    samples
}

/// The snapshot of the history that receipts are about: its state is one chunk.
fn whole() -> Vec<Sample> {
    let history = History::new();
    let mut summaries = Vec::new();
    let mut samples = Vec::new();
    for chunk in chunks_of(&history.tip) {
        let (summary, chunk) = chunk.unwrap();
        summaries.push(summary);
        samples.push(sample::<StateChunk, CHUNK_BYTES_MAX>(
            FILE,
            "chunk_of_all",
            &chunk,
        ));
    }
    let certificate = history.certificate.clone().unwrap();
    let manifest = manifest_of(&history.tip, certificate, summaries).unwrap();
    samples.push(Sample {
        file: FILE,
        name: "manifest",
        kind: "SnapshotManifest",
        bytes: manifest.to_bytes(),
        again: |bytes| {
            let manifest = SnapshotManifest::from_bytes(bytes);
            manifest
                .map(|one| one.to_bytes())
                .map_err(|error| CodecError::Malformed {
                    reason: error.to_string(),
                })
        },
    });
    samples
}

/// Ten large entries whose positions begin with a one, and a small one that has the other half of
/// the trie for itself.
fn half() -> Vec<Sample> {
    let key = |number: u32| number.to_le_bytes().to_vec();
    let right = |number: &u32| Hash::of(Context::StateKey, &[&key(*number)]).0[0] >= 0x80;
    let large = (0..).filter(right).take(10);
    let mut content: Content = large
        .map(|number| (key(number), Some(vec![7; VALUE_BYTES_MAX])))
        .collect();
    let small = (0..).find(|number| !right(number)).unwrap();
    content.insert(key(small), Some(b"small".to_vec()));
    let state = state(&content);
    let (summary, chunk) = state.chunks().next().unwrap().unwrap();
    assert_eq!(encode(&chunk).len() as u64, summary.encoded_bytes());
    vec![
        sample::<_, 64>(FILE, "half_root", &state.root()),
        sample::<_, 64>(FILE, "half_number", &small),
        sample::<StateChunk, CHUNK_BYTES_MAX>(FILE, "chunk_of_half", &chunk),
    ]
}
