//! Folders of snapshots: complete or not there, and nothing read that is not a plain file of the
//! right length.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::MemoryStorage;

use super::*;

/// A block over a state of some thousand accounts, in several chunks, and what stands for its
/// certificate.
fn block() -> (Tip, CommitCertificate) {
    let (_, tip, certificate) = chain_of_one();
    (tip, certificate)
}

/// The same, with the chain that holds it.
pub(in super::super) fn chain_of_one() -> (Arc<ChainStore>, Tip, CommitCertificate) {
    let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
    chain.init_genesis(&Genesis::local("local", 1, 4)).unwrap();
    let mut tip = chain.tip().unwrap();
    let accounts = (0..16_000u32).map(|number| {
        let id = AccountId(Hash::of(Context::LocalKey, &[&number.to_le_bytes()]).0);
        let account = Account::new(&id, 1).to_bytes();
        (StateKey::account(&id), Some(account))
    });
    tip.state = tip.state.update(&accounts.collect()).unwrap().state;
    let plan = BlockPlan {
        round: 0,
        clock_ms: tip.time_ms + 1,
        candidates: &[],
        evidence: &[],
        parent_certificate: None,
        limits: BlockLimits {
            bytes_max: u32::MAX,
            transactions_max: u32::MAX,
        },
    };
    let built = build(&tip, plan).unwrap();
    let header = &built.block.header;
    let certificate = CommitCertificate {
        height: header.height,
        round: 0,
        block: header.hash(),
        signatures: Vec::new(),
    };
    let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate).unwrap();
    chain.append(batch).unwrap();
    (
        Arc::new(chain),
        tip.child(&built.executed, header),
        certificate,
    )
}

fn on() -> impl FnMut() -> ControlFlow<()> {
    || ControlFlow::Continue(())
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names = names(folder).unwrap();
    names.sort();
    names
}

#[test]
fn a_snapshot_is_complete_under_its_name_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, certificate) = block();
    let made = make(folder.path(), &tip, certificate.clone(), &mut on()).unwrap();
    assert_eq!(entries(folder.path()), ["1"]);
    let manifest = read_manifest(&made).unwrap();
    assert!(manifest.chunks.len() > 1);
    let mut files: Vec<_> = (0..manifest.chunks.len())
        .map(|position| format!("chunk-{position:05}"))
        .collect();
    files.push("manifest".to_owned());
    assert_eq!(entries(&made), files);
    assert_eq!(manifest.header, tip.header.clone().unwrap());
    for (position, listed) in manifest.chunks.iter().enumerate() {
        read_chunk(&made, position, listed.encoded_bytes()).unwrap();
    }
    assert_eq!(list(folder.path()).unwrap(), [1]);
    // A second time nothing is written.
    let mut never = || -> ControlFlow<()> { panic!("it is there already") };
    make(folder.path(), &tip, certificate, &mut never).unwrap();
}

#[test]
fn what_fails_or_is_broken_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, certificate) = block();
    let mut stop = || ControlFlow::Break(());
    let error = make(folder.path(), &tip, certificate.clone(), &mut stop).unwrap_err();
    assert!(matches!(error, SnapshotFileError::Stopped), "{error}");
    assert_eq!(entries(folder.path()), [""; 0]);
    let in_the_way = folder.path().join("1.partial/chunk-00001");
    let mut obstruct = || {
        // The second time the folder is gone, or the name is taken.
        let _ = fs::create_dir(&in_the_way);
        ControlFlow::Continue(())
    };
    let error = make(folder.path(), &tip, certificate, &mut obstruct).unwrap_err();
    assert!(matches!(error, SnapshotFileError::Io { .. }), "{error}");
    assert_eq!(entries(folder.path()), [""; 0]);
}

#[test]
fn what_a_crash_left_is_removed_and_never_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, certificate) = block();
    for name in ["1.partial", "9.partial"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("chunk-00000"), b"half").unwrap();
    }
    fs::create_dir(folder.path().join("7")).unwrap();
    for strange in ["notes", "x.partial", "07", "+7"] {
        fs::create_dir(folder.path().join(strange)).unwrap();
        fs::write(folder.path().join(strange).join("manifest"), b"").unwrap();
    }
    assert_eq!(list(folder.path()).unwrap(), [0; 0]);
    make(folder.path(), &tip, certificate, &mut on()).unwrap();
    assert_eq!(list(folder.path()).unwrap(), [1]);
    remove_partial(folder.path()).unwrap();
    assert_eq!(
        entries(folder.path()),
        ["+7", "07", "1", "7", "notes", "x.partial"]
    );
}

#[test]
fn the_last_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for height in [5, 40, 300, 1_000] {
        let snapshot = folder.path().join(height.to_string());
        fs::create_dir(&snapshot).unwrap();
        fs::write(snapshot.join("manifest"), b"").unwrap();
    }
    keep_last(folder.path(), 2).unwrap();
    assert_eq!(entries(folder.path()), ["1000", "300"]);
    keep_last(folder.path(), 2).unwrap();
    assert_eq!(list(folder.path()).unwrap(), [300, 1_000]);
    assert_eq!(list(&folder.path().join("none")).unwrap(), [0; 0]);
}

#[test]
fn files_that_are_none_or_of_another_length_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifest");
    symlink("/dev/zero", &manifest).unwrap();
    assert!(read_manifest(folder.path()).is_err());
    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    let error = read_manifest(folder.path()).unwrap_err();
    assert!(matches!(error, SnapshotFileError::NotAFile { .. }));
    fs::remove_dir(&manifest).unwrap();
    // A file of 4 GiB without a byte in it.
    let file = File::create(&manifest).unwrap();
    file.set_len(1 << 32).unwrap();
    let error = read_manifest(folder.path()).unwrap_err();
    assert!(matches!(error, SnapshotFileError::Length { .. }));
    let chunk = chunk_path(folder.path(), 0);
    File::create(&chunk).unwrap().set_len(1 << 32).unwrap();
    for expected in [7, 1 << 32] {
        let error = read_chunk(folder.path(), 0, expected).unwrap_err();
        assert!(matches!(error, SnapshotFileError::Length { .. }));
    }
    fs::remove_file(&chunk).unwrap();
    let fifo = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &chunk, rustix::fs::FileType::Fifo, fifo, 0).unwrap();
    let error = read_chunk(folder.path(), 0, 7).unwrap_err();
    assert!(matches!(error, SnapshotFileError::NotAFile { .. }));
}

#[test]
fn nothing_begins_where_too_little_room_would_be_left() {
    let folder = tempfile::tempdir().unwrap();
    let error = expect_room(folder.path(), u64::MAX).unwrap_err();
    assert!(error.is_no_space(), "{error}");
    let full = SnapshotFileError::Io {
        path: folder.path().into(),
        source: io::Error::from(io::ErrorKind::StorageFull),
    };
    assert!(full.is_no_space());
    assert!(!SnapshotFileError::Stopped.is_no_space());
}
