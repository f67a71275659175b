//! What is sent to who verifies: proofs, steps, receipts, snapshots, remembered points.

use starling_ledger::codec::{CodecError, encode};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::light::{
    Checkpoint, HISTORY_IDS_MAX, LightStep, RECEIPT_BYTES_MAX, Receipt, STEPS_MAX, Trusted,
};
use starling_ledger::merkle::ListProof;
use starling_ledger::snapshot::{MANIFEST_CHUNKS_MAX, SnapshotManifest};
use starling_ledger::state::{
    CHUNK_BYTES_MAX, CHUNK_CONTENT_BYTES_MAX, DEPTH_MAX, KEY_BYTES_MAX, PROOF_BYTES_MAX,
    StateChunk, StateProof, VALUE_BYTES_MAX,
};
use starling_ledger::transaction::TransactionId;

use super::{
    POLICY_KEYS_MAX, VALIDATORS_MAX, Value, again, certificate, header, transaction, validators,
    value,
};

/// Most siblings of a proof about a list.
const LIST_DEPTH_MAX: usize = 32;
/// Most bytes of a step, as the command line takes them.
const STEP_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn values() -> Vec<Value> {
    vec![
        Value {
            name: "StateProof, siblings and page".to_owned(),
            kind: "StateProof",
            most: state_proof(DEPTH_MAX),
            more: Some(state_proof(DEPTH_MAX + 1)),
            again: again::<StateProof, PROOF_BYTES_MAX>,
        },
        value::<_, 2048>("siblings", |above| ListProof {
            index: 0,
            count: u32::MAX,
            path: vec![Hash([1; 32]); LIST_DEPTH_MAX + above],
        }),
        Value {
            name: "StateChunk, siblings and content".to_owned(),
            kind: "StateChunk",
            most: state_chunk(CHUNK_CONTENT_BYTES_MAX),
            more: Some(state_chunk(CHUNK_CONTENT_BYTES_MAX + 1)),
            again: again::<StateChunk, CHUNK_BYTES_MAX>,
        },
        value::<_, STEP_BYTES_MAX>("sets", |_| longest_step()),
        Value {
            name: "SnapshotManifest, chunks and sets".to_owned(),
            kind: "SnapshotManifest",
            most: manifest(MANIFEST_CHUNKS_MAX),
            more: Some(manifest(MANIFEST_CHUNKS_MAX + 1)),
            again: manifest_again,
        },
        receipt(
            "steps",
            receipt_of(STEPS_MAX, 0),
            receipt_of(STEPS_MAX + 1, 0),
        ),
        receipt(
            "ids",
            receipt_of(0, HISTORY_IDS_MAX),
            receipt_of(0, HISTORY_IDS_MAX + 1),
        ),
        remembered(),
    ]
}

/// A page of one entry, as long as one can be, at the greatest depth.
fn state_proof(depth: usize) -> Vec<u8> {
    let mut page = u16::try_from(KEY_BYTES_MAX).unwrap().to_le_bytes().to_vec();
    page.extend(u32::try_from(VALUE_BYTES_MAX).unwrap().to_le_bytes());
    page.extend(vec![7; KEY_BYTES_MAX + VALUE_BYTES_MAX]);
    encode(&(page, vec![Hash([1; 32]); depth]))
}

/// The key of a path of all bits.
fn deepest() -> Vec<u8> {
    let mut key = vec![0; DEPTH_MAX / 8];
    key.push(0x80);
    key
}

fn state_chunk(content_bytes: usize) -> Vec<u8> {
    let siblings = vec![Hash([1; 32]); DEPTH_MAX];
    encode(&(deepest(), siblings, vec![0u8; content_bytes]))
}

fn longest_step() -> LightStep {
    LightStep {
        header: header(),
        certificate: certificate(VALIDATORS_MAX),
        validators: Some(validators()),
        next_validators: Some(validators()),
    }
}

fn manifest(chunks: usize) -> Vec<u8> {
    let summary = (deepest(), Hash([1; 32]), 7u32, 1u32);
    let mut bytes = encode(&(1u32, header(), certificate(VALIDATORS_MAX)));
    bytes.extend(encode(&(validators(), validators())));
    bytes.extend(encode(&vec![summary; chunks]));
    bytes
}

fn manifest_again(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let manifest = SnapshotManifest::from_bytes(bytes);
    manifest
        .map(|manifest| manifest.to_bytes())
        .map_err(|error| CodecError::Malformed {
            reason: error.to_string(),
        })
}

/// The content of a receipt: short steps, and the history of the longest transaction.
fn receipt_of(steps: usize, ids: usize) -> Vec<u8> {
    let step = LightStep::plain(header(), certificate(2));
    let raw = transaction(POLICY_KEYS_MAX).to_raw();
    let mut bytes = encode(&(Hash([3; 32]), 0u32, vec![step; steps], 4u32, raw));
    bytes.extend(state_proof(DEPTH_MAX));
    let id = TransactionId(Hash([9; 32]));
    bytes.extend(encode(&(Hash([8; 32]), vec![id; ids])));
    bytes
}

fn receipt(what: &str, most: Vec<u8>, more: Vec<u8>) -> Value {
    Value {
        name: format!("Receipt, {what}"),
        kind: "Receipt",
        most,
        more: Some(more),
        again: again::<Receipt, RECEIPT_BYTES_MAX>,
    }
}

/// The point that a client remembers, of a network whose next set is the largest.
fn remembered() -> Value {
    fn genesis() -> Genesis {
        Genesis::local("maxima", 1, 4)
    }
    fn saved_again(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        let point = Trusted::from_bytes(&genesis(), bytes);
        let reason = |text: String| CodecError::Malformed { reason: text };
        let point = point.map_err(|error| reason(error.to_string()))?;
        let point = point.map_err(|error| reason(error.to_string()))?;
        point
            .to_bytes()
            .ok_or_else(|| reason("the genesis".to_owned()))
    }
    let genesis = genesis();
    let header = starling_ledger::block::BlockHeader {
        genesis: genesis.hash(),
        ..header()
    };
    let point = Trusted::checkpoint(&genesis, Checkpoint::of(&header), header, validators());
    Value {
        name: "Trusted, next validators".to_owned(),
        kind: "Trusted",
        most: point.unwrap().to_bytes().unwrap(),
        more: None,
        again: saved_again,
    }
}
