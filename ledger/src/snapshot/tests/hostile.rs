//! Snapshots that are wrong by chance or on purpose: each is refused by name, before a byte of it
//! is written.

use std::sync::Arc;

use super::{ACCOUNTS, Made, NOW_MS, check, fresh, genesis, make, network, restore};
use crate::block::BlockHash;
use crate::chain::ChainStore;
use crate::codec::encode;
use crate::fixture::Network;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::{Checkpoint, LightError, Trusted};
use crate::snapshot::{
    Anchor, Checklist, MANIFEST_BYTES_MAX, Restoration, SnapshotError, SnapshotManifest,
};
use crate::state::{CHUNK_BYTES_MAX, ChunkError, StateChunk, TilingError};
use crate::storage::{Column, Storage};
use crate::validators::ValidatorSet;

fn parsed(made: &Made) -> SnapshotManifest {
    SnapshotManifest::from_bytes(&made.manifest).unwrap()
}

fn refused(manifest: SnapshotManifest) -> SnapshotError {
    check(&manifest.to_bytes()).unwrap_err()
}

fn is_untouched(storage: &Arc<dyn Storage>) -> bool {
    let empty = |column| storage.scan(column, &[], None, 1).unwrap().is_empty();
    Column::ALL.into_iter().all(empty)
}

#[test]
fn a_flipped_byte_anywhere_in_a_chunk_is_refused() {
    let made = make(&network(40));
    let chunk = &made.chunks[0];
    for at in 0..chunk.len() {
        let mut wrong = chunk.clone();
        wrong[at] ^= 1 << (at % 8);
        let mut list = Checklist::new(check(&made.manifest).unwrap());
        assert!(list.take(&wrong).is_err(), "byte {at}");
        assert_eq!(list.missing().count(), 1);
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_manifest_is_refused() {
    let made = make(&network(40));
    for at in 0..made.manifest.len() {
        let mut wrong = made.manifest.clone();
        wrong[at] ^= 1 << (at % 8);
        let outcome = restore(&fresh(), &wrong, made.chunks.iter());
        assert!(outcome.is_err(), "byte {at}");
    }
}

#[test]
fn cut_and_prolonged_files_are_refused() {
    let made = make(&network(40));
    let list = || Checklist::new(check(&made.manifest).unwrap());
    for end in 0..made.chunks[0].len() {
        assert!(list().take(&made.chunks[0][..end]).is_err(), "{end}");
    }
    for end in 0..made.manifest.len() {
        assert!(check(&made.manifest[..end]).is_err(), "{end}");
    }
    for count in [1, 7, 64] {
        let more = |bytes: &[u8]| [bytes, &vec![0; count]].concat();
        assert!(list().take(&more(&made.chunks[0])).is_err());
        assert!(check(&more(&made.manifest)).is_err());
    }
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_reserved() {
    let made = make(&network(40));
    for bomb in [1u64 << 31, u64::from(u32::MAX), 1 << 40, 1 << 63, u64::MAX] {
        // The first length of a chunk is that of its path; the second that of its siblings.
        for at in [0, 9, 17] {
            let mut wrong = made.chunks[0].clone();
            wrong[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
            assert!(matches!(
                StateChunk::from_bytes(&wrong),
                Err(ChunkError::Codec(_))
            ));
        }
        // The list of one chunk is the last field: its length, a path of one byte, hash, counts.
        let mut wrong = made.manifest.clone();
        let at = wrong.len() - (8 + 1 + 32 + 4 + 4) - 8;
        assert_eq!(wrong[at..at + 8], 1u64.to_le_bytes());
        wrong[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
        assert!(matches!(check(&wrong), Err(SnapshotError::Codec(_))));
    }
    for size in [CHUNK_BYTES_MAX + 1, 2 * CHUNK_BYTES_MAX] {
        assert!(matches!(
            StateChunk::from_bytes(&vec![0; size]),
            Err(ChunkError::Codec(_))
        ));
    }
    let endless = vec![1; MANIFEST_BYTES_MAX + 1];
    assert!(matches!(check(&endless), Err(SnapshotError::Codec(_))));
}

#[test]
fn a_format_of_another_release_is_named() {
    let mut made = make(&network(1));
    made.manifest[0] = 2;
    let error = check(&made.manifest).unwrap_err();
    assert_eq!(error, SnapshotError::Version { found: 2, known: 1 });
}

#[test]
fn chunks_of_another_state_missing_or_twice_are_refused() {
    let here = network(ACCOUNTS);
    let made = make(&here);
    let other = make(&network(ACCOUNTS + 1));
    let mut list = Checklist::new(check(&made.manifest).unwrap());
    list.take(&made.chunks[1]).unwrap();
    let error = list.take(&made.chunks[1]).unwrap_err();
    assert!(matches!(error, SnapshotError::Twice { .. }), "{error}");
    let wrong: Vec<_> = other
        .chunks
        .iter()
        .filter(|chunk| !made.chunks.contains(chunk))
        .collect();
    assert!(!wrong.is_empty());
    for chunk in wrong {
        let mut list = Checklist::new(check(&made.manifest).unwrap());
        assert!(list.take(chunk).is_err());
    }
    let error = restore(&fresh(), &made.manifest, made.chunks.iter().skip(2)).unwrap_err();
    assert_eq!(error, SnapshotError::Missing { count: 2, first: 0 });
}

#[test]
fn a_chunk_without_its_own_path_is_refused() {
    let network = network(ACCOUNTS);
    let made = make(&network);
    let (first, second) = (&made.chunks[0], &made.chunks[1]);
    // The head of one chunk on the content of another: path (8 + 1 bytes), siblings, length.
    let head = |chunk: &[u8]| {
        let siblings = u64::from_le_bytes(chunk[9..17].try_into().unwrap());
        17 + 32 * usize::try_from(siblings).unwrap()
    };
    let mixed = [&first[..head(first)], &second[head(second)..]].concat();
    let chunk = StateChunk::from_bytes(&mixed).unwrap();
    let error = chunk.prove(&network.tip.state.root()).unwrap_err();
    assert_eq!(error, ChunkError::Foreign);
}

#[test]
fn entries_twice_or_out_of_order_are_refused() {
    let network = network(0);
    let root = network.tip.state.root();
    let (key, value) = (b"key", [7; 40]);
    let entry = |key: &[u8]| {
        let lengths = [
            &u16::try_from(key.len()).unwrap().to_le_bytes()[..],
            &40u32.to_le_bytes(),
        ];
        [&lengths.concat(), key, &value].concat()
    };
    let prove = |content: Vec<u8>| {
        let chunk = encode(&(vec![0x80u8], Vec::<Hash>::new(), content));
        StateChunk::from_bytes(&chunk).unwrap().prove(&root)
    };
    let refused = |content| prove(content).unwrap_err();
    assert_eq!(refused(entry(key).repeat(2)), ChunkError::Order);
    assert_eq!(
        refused([entry(b"b"), entry(b"a")].concat()),
        ChunkError::Order
    );
    assert_eq!(refused(Vec::new()), ChunkError::Empty);
    assert_eq!(refused([entry(key), vec![0]].concat()), ChunkError::Entry);
    assert_eq!(refused(entry(key)), ChunkError::Root);
}

#[test]
fn lists_that_tile_no_state_are_refused() {
    let made = make(&network(ACCOUNTS));
    let change = |change: &dyn Fn(&mut SnapshotManifest)| {
        let mut manifest = parsed(&made);
        change(&mut manifest);
        refused(manifest)
    };
    let tiling = |error| match error {
        SnapshotError::Tiling(error) => error,
        other => panic!("{other}"),
    };
    let order = |error| matches!(tiling(error), TilingError::Order { .. });
    assert!(order(change(&|list| list.chunks.swap(0, 1))));
    assert!(order(change(&|list| list.chunks.insert(1, list.chunks[0]))));
    assert!(order(change(&|list| {
        let mut parent = list.chunks[0];
        parent.path = crate::codec::decode::<_, 64>(&encode(&vec![0x80u8])).unwrap();
        list.chunks.insert(0, parent);
    })));
    let counts = |error| matches!(tiling(error), TilingError::Counts { .. });
    assert!(counts(change(
        &|list| list.chunks[1].content_bytes = u32::MAX
    )));
    assert!(counts(change(&|list| list.chunks[1].content_bytes = 0)));
    assert!(counts(change(&|list| list.chunks[1].entries = 0)));
    assert!(counts(change(&|list| list.chunks[1].entries = u32::MAX)));
    let split = change(&|list| {
        list.chunks[0].content_bytes = 6;
        list.chunks[0].entries = 1;
        list.chunks[1].content_bytes = 6;
        list.chunks[1].entries = 1;
    });
    assert!(matches!(tiling(split), TilingError::Split { .. }));
    let root = |error| matches!(error, SnapshotError::StateRoot { .. });
    assert!(root(change(&|list| list.chunks[2].hash.0[0] ^= 1)));
}

#[test]
fn a_list_with_a_gap_leads_to_another_root() {
    let made = make(&network(ACCOUNTS));
    let mut manifest = parsed(&made);
    manifest.chunks.pop();
    let error = refused(manifest);
    let named = matches!(
        error,
        SnapshotError::StateRoot { .. } | SnapshotError::Tiling(TilingError::Split { .. })
    );
    assert!(named, "{error}");
}

#[test]
fn a_manifest_that_lies_about_counts_is_found_by_the_chunk() {
    let made = make(&network(ACCOUNTS));
    let mut manifest = parsed(&made);
    manifest.chunks[0].entries += 1;
    let error = restore(&fresh(), &manifest.to_bytes(), made.chunks.iter()).unwrap_err();
    assert!(matches!(error, SnapshotError::Counts { .. }), "{error}");
    let mut manifest = parsed(&made);
    manifest.chunks[0].content_bytes += 1;
    let storage = fresh();
    let error = restore(&storage, &manifest.to_bytes(), made.chunks.iter()).unwrap_err();
    assert!(matches!(error, SnapshotError::Length { .. }), "{error}");
    assert!(is_untouched(&storage));
}

#[test]
fn headers_that_nobody_vouches_for_are_refused() {
    let network = network(1);
    let made = make(&network);
    let mut manifest = parsed(&made);
    manifest.header.time_ms += 1;
    assert!(matches!(
        refused(manifest),
        SnapshotError::OtherBlock { .. }
    ));
    let mut manifest = parsed(&made);
    manifest.certificate.signatures.truncate(2);
    assert!(matches!(refused(manifest), SnapshotError::Light(_)));
    let mut manifest = parsed(&made);
    manifest.certificate.signatures[0].signature = manifest.certificate.signatures[1].signature;
    assert!(matches!(refused(manifest), SnapshotError::Light(_)));
    let mut manifest = parsed(&made);
    let members = manifest.validators.members();
    manifest.validators = ValidatorSet::new(members[1..].to_vec()).unwrap();
    assert_eq!(refused(manifest), SnapshotError::Validators);
}

#[test]
fn validators_of_the_snapshot_alone_do_not_vouch_for_it() {
    // A whole network of somebody else's making, under the hash of ours.
    let network = network(1);
    let made = make(&network);
    let mut manifest = parsed(&made);
    let members = manifest.signed_by.members();
    manifest.signed_by = ValidatorSet::new(members[1..].to_vec()).unwrap();
    manifest.header.validators_hash = manifest.signed_by.hash();
    manifest.certificate.block = manifest.header.hash();
    let error = refused(manifest);
    assert!(matches!(error, SnapshotError::Light(_)), "{error}");
}

#[test]
fn a_checkpoint_of_another_block_or_height_is_refused() {
    let network = network(1);
    let made = make(&network);
    let (height, hash) = (network.tip.height, network.tip.hash);
    let check = |height, hash| {
        let anchor = Anchor::Checkpoint(Checkpoint { height, hash });
        parsed(&made).verify(&Ed25519, &genesis(), &anchor)
    };
    assert!(check(height, hash).is_ok());
    for (height, hash) in [(height, BlockHash(Hash::ZERO)), (height + 1, hash)] {
        let error = check(height, hash).unwrap_err();
        let SnapshotError::Light(error) = error else {
            panic!("{error}");
        };
        assert!(matches!(*error, LightError::Checkpoint { .. }), "{error}");
    }
}

#[test]
fn a_checkpoint_does_not_stand_for_a_certificate() {
    let network = network(1);
    let made = make(&network);
    let mut manifest = parsed(&made);
    manifest.certificate.signatures.truncate(2);
    let anchor = Anchor::Checkpoint(Checkpoint::of(&manifest.header));
    let error = manifest.verify(&Ed25519, &genesis(), &anchor).unwrap_err();
    assert!(matches!(error, SnapshotError::Certificate(_)), "{error}");
}

#[test]
fn a_snapshot_of_another_network_is_refused() {
    let made = make(&network(1));
    let other = Genesis::local("other", 1_000, 4);
    let point = &Trusted::genesis(&other).unwrap();
    let now_ms = NOW_MS;
    let error = parsed(&made).verify(&Ed25519, &other, &Anchor::Trusted { point, now_ms });
    assert!(matches!(error, Err(SnapshotError::Network { .. })));
}

#[test]
fn nothing_is_restored_over_a_ledger_or_a_restoration_that_was_left() {
    let network = network(ACCOUNTS);
    let made = make(&network);
    let error = restore(&network.storage, &made.manifest, made.chunks.iter());
    assert!(matches!(error, Err(SnapshotError::NotEmpty)));
    let storage = fresh();
    let manifest = || check(&made.manifest).unwrap();
    let mut begun = Restoration::begin(Arc::clone(&storage), genesis(), manifest()).unwrap();
    begun.add(&made.chunks[0]).unwrap();
    let error = ChainStore::new(Arc::clone(&storage)).tip();
    assert!(error.is_err(), "an unfinished restoration is no ledger");
    let error = Restoration::begin(storage, genesis(), manifest()).err();
    assert_eq!(error, Some(SnapshotError::NotEmpty));
}

#[test]
fn no_snapshot_is_made_of_the_genesis() {
    let mut network = Network::new();
    let tip = network.tip.clone();
    network.commit(&[]);
    let certificate = network.certificate.unwrap();
    assert_eq!(
        crate::snapshot::manifest_of(&tip, certificate, Vec::new()),
        None
    );
}
