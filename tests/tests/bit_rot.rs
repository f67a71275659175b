//! One flipped bit anywhere in the files of a stopped ledger is found, or changes nothing; no block
//! that differs from the true one is ever read.
//!
//! `STARLING_FLIPS` and `STARLING_BLOCKS` say how many bits are flipped, in how long a ledger
//! (`make bitrot`: 1,000 in 10,000 blocks); `STARLING_SEED` says where.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use starling_ledger::chain::{ChainError, ChainStore, Check, CheckError, Depth};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::Ed25519;
use starling_ledger::storage::{Storage, StorageError, StorageFault};
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::campaign::setting;
use starling_tests::ledger_maker::LedgerMaker;

/// Transfers of each block.
const TRANSFERS: u64 = 3;

/// How a flipped bit was met.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// With an error that says so.
    Found,
    /// Everything reads as before.
    Harmless,
    /// The last blocks are gone, what is left is whole: they are fetched again.
    Shorter,
}

/// The true ledger: the hash of each final block's bytes.
struct Truth {
    folder: tempfile::TempDir,
    blocks: Vec<Hash>,
}

impl Truth {
    fn new(height: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = open(folder.path()).expect("a fresh folder");
        let mut maker = LedgerMaker::new(Arc::new(storage), TRANSFERS);
        maker.extend(height);
        let mut blocks: Vec<_> = (1..=height).map(|height| whole(&maker, height)).collect();
        drop(maker);
        // What is in the log goes into tables at a start; some stays in the log.
        let storage = open(folder.path()).expect("it was closed well");
        let mut maker = LedgerMaker::new(Arc::new(storage), TRANSFERS);
        maker.extend(height + 20);
        blocks.extend((height + 1..=height + 20).map(|height| whole(&maker, height)));
        Self { folder, blocks }
    }

    /// Flips a bit in a copy of the folder, and reads all of it.
    fn flip(&self, file: &Path, bit: u64) -> Met {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(self.folder.path(), copy.path());
        let name = file.strip_prefix(self.folder.path()).expect("it is inside");
        let damaged = copy.path().join(name);
        let mut bytes = fs::read(&damaged).expect("a file");
        let byte = usize::try_from(bit / 8).expect("a small file");
        bytes[byte] ^= 1 << (bit % 8);
        fs::write(&damaged, bytes).expect("a file");
        match self.read(copy.path()) {
            Ok(met) => met,
            Err(error) => {
                let told = [StorageFault::CorruptData, StorageFault::Configuration];
                assert!(told.contains(&error.fault()), "{}: {error}", name.display());
                Met::Found
            }
        }
    }

    /// Opens a folder as a node does, and reads what it would serve.
    ///
    /// # Panics
    /// Where a block is another than the true one.
    fn read(&self, folder: &Path) -> Result<Met, StorageError> {
        let storage: Arc<dyn Storage> = Arc::new(open(folder)?);
        let chain = ChainStore::new(storage);
        let mut height = 0;
        for (number, truth) in (1..).zip(&self.blocks) {
            match raw(&chain, number)? {
                Some(bytes) => assert!(digest(&bytes) == *truth, "another block {number}"),
                None => break,
            }
            height = number;
        }
        let check = Check::begin(chain, Arc::new(Ed25519), Depth::Quick).and_then(|mut check| {
            while check.step()?.is_some() {}
            check.finish()
        });
        match check {
            Ok((report, _)) => {
                assert_eq!(report.tip, height, "blocks above the tip were served");
                let whole = usize::try_from(height) == Ok(self.blocks.len());
                Ok(if whole { Met::Harmless } else { Met::Shorter })
            }
            Err(CheckError::Chain(ChainError::Storage(error))) => Err(error),
            Err(_) => Ok(Met::Found),
        }
    }
}

fn open(folder: &Path) -> Result<RocksStorage, StorageError> {
    let options = OpenOptions {
        memtables_bytes_max: 4 << 20,
        reserve_bytes: 64 << 10,
        ..OpenOptions::default()
    };
    RocksStorage::open(folder, &options)
}

/// What a neighbour would be sent; damage that only the ledger notices is an error too.
fn raw(chain: &ChainStore, height: u64) -> Result<Option<Vec<u8>>, StorageError> {
    match chain.read().raw_final_block(height) {
        Ok(raw) => Ok(raw),
        Err(ChainError::Storage(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// The hash of a block that is there.
fn whole(maker: &LedgerMaker, height: u64) -> Hash {
    let bytes = raw(maker.chain(), height).expect("readable");
    digest(&bytes.expect("it is there"))
}

fn digest(bytes: &[u8]) -> Hash {
    Hash::of(Context::Certificate, &[bytes])
}

/// All files of a ledger that are read back; RocksDB's report of what it did is not.
fn files(folder: &Path) -> Vec<PathBuf> {
    let data = folder.join("rocksdb");
    let entries = fs::read_dir(data).expect("a ledger");
    let files = entries.map(|entry| entry.expect("a ledger").path());
    let mut files: Vec<_> = files
        .filter(|file| {
            let name = file.file_name().expect("a name").to_string_lossy();
            !name.starts_with("LOG") && file.metadata().is_ok_and(|about| about.len() > 0)
        })
        .collect();
    files.sort();
    files
}

/// Copies the data of a ledger.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to.join("rocksdb")).expect("a folder");
    let entries = fs::read_dir(from.join("rocksdb")).expect("a ledger");
    for entry in entries {
        let entry = entry.expect("a ledger");
        let target = to.join("rocksdb").join(entry.file_name());
        fs::copy(entry.path(), target).expect("a copy");
    }
}

#[test]
fn a_flipped_bit_is_found_or_harmless_and_never_served() {
    let flips = setting("STARLING_FLIPS", 24);
    let truth = Truth::new(setting("STARLING_BLOCKS", 500));
    let mut seed = setting("STARLING_SEED", 1);
    let mut draw = |bound: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 20) % bound
    };
    let files = files(truth.folder.path());
    let sizes: Vec<u64> = files
        .iter()
        .map(|file| file.metadata().expect("a file").len())
        .collect();
    let all: u64 = sizes.iter().sum();
    let (mut found, mut harmless, mut shorter) = (0, 0, 0);
    for number in 0..flips {
        // Half of them anywhere, half in a file drawn first: else nothing small is ever hit.
        let (file, bit) = if number % 2 == 0 {
            let mut position = draw(all);
            let index = sizes
                .iter()
                .position(|size| match position.checked_sub(*size) {
                    Some(rest) => {
                        position = rest;
                        false
                    }
                    None => true,
                })
                .expect("inside");
            (index, position * 8 + draw(8))
        } else {
            let index = usize::try_from(draw(files.len() as u64)).expect("an index");
            (index, draw(sizes[index] * 8))
        };
        match truth.flip(&files[file], bit) {
            Met::Found => found += 1,
            Met::Harmless => harmless += 1,
            Met::Shorter => shorter += 1,
        }
    }
    println!("{flips} flips: {found} found, {harmless} harmless, {shorter} shorter by last blocks");
    assert!(found > 0);
}
