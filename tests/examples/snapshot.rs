//! How long a snapshot takes to be made, verified and restored, and how much memory and disk.
//!
//! `scripts/cargo run --release -p starling-tests --example snapshot -- 1000000 [FOLDER]`
//!
//! The number of accounts, and where it works, which should be on a real disk. The ledger is on
//! RocksDB, files are synced, nothing rests between chunks. What a phase needs of memory shows only
//! above what the one before gave back; a named folder is kept, so that each can be run by itself:
//! `starling snapshot make --data-dir FOLDER --to OTHER`, and `verify` and `restore` likewise.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, local_consensus_key};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::Trusted;
use starling_ledger::snapshot::{Anchor, Checklist, Restoration, VerifiedManifest};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::Storage;
use starling_ledger::vote::{Vote, VoteType};
use starling_node::runtime::{snapshot_files, wall_ms};
use starling_store::{OpenOptions, RocksStorage};

/// Accounts written at a time while the ledger is filled.
const BATCH: u64 = 50_000;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let accounts = arguments.next().unwrap_or_else(|| "1000000".to_owned());
    let accounts: u64 = accounts.parse()?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let (ledger, snapshots) = (folder.join("ledger"), folder.join("snapshots"));
    let genesis = Genesis::local("local", 1, 1);
    let made_of = measured("fill", || fill(&ledger, &genesis, accounts))?;
    let (tip, certificate) = made_of;
    println!("ledger on disk: {} MiB", mib(size(&ledger)?));

    let mut pace = || ControlFlow::Continue(());
    let snapshot = measured("make", || {
        Ok(snapshot_files::make(
            &snapshots,
            &tip,
            certificate,
            &mut pace,
        )?)
    })?;
    let root = tip.state.root();
    drop(tip);
    let manifest = manifest(&snapshot, &genesis)?;
    let about = manifest.get();
    println!(
        "snapshot: {} entries, {} chunks, {} MiB, manifest {} KiB",
        about.entries(),
        about.chunks.len(),
        mib(about.chunks_bytes()),
        about.to_bytes().len().div_ceil(1024)
    );
    measured("verify", || verify(&snapshot, manifest.clone()))?;
    let restored = folder.join("restored");
    measured("restore", || {
        restore(&snapshot, &restored, &genesis, manifest)
    })?;
    println!("restored on disk: {} MiB", mib(size(&restored)?));
    let again = measured("open", || {
        let storage: Arc<dyn Storage> =
            Arc::new(RocksStorage::open(&restored, &OpenOptions::default())?);
        Ok(ChainStore::new(storage).tip()?)
    })?;
    assert_eq!(again.state.root(), root, "the restored state is the same");
    fs::write(folder.join("genesis.toml"), genesis.to_toml())?;
    Ok(())
}

/// A ledger of one block over so many accounts.
fn fill(ledger: &Path, genesis: &Genesis, accounts: u64) -> Outcome<(Tip, CommitCertificate)> {
    let storage: Arc<dyn Storage> = Arc::new(RocksStorage::open(ledger, &OpenOptions::default())?);
    let chain = ChainStore::new(Arc::clone(&storage));
    chain.init_genesis(genesis)?;
    let mut tip = chain.tip()?;
    for first in (0..accounts).step_by(usize::try_from(BATCH)?) {
        let changes = (first..accounts.min(first + BATCH)).map(|number| {
            let id = AccountId(Hash::of(Context::LocalKey, &[&number.to_le_bytes()]).0);
            let mut account = Account::new(&id, number);
            account.history = Hash::of(Context::History, &[&id.0]);
            (StateKey::account(&id), Some(account.to_bytes()))
        });
        let update = tip.state.update(&changes.collect())?;
        storage.write(update.writes)?;
        tip.state = update.state.settled(storage.snapshot()?);
    }
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
    let built = build(&tip, plan)?;
    let certificate = certify(&tip, built.executed.header_hash);
    let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate)?;
    chain.append(batch)?;
    let mut tip = tip.child(&built.executed, &built.block.header);
    tip.state = tip.state.settled(storage.snapshot()?);
    Ok((tip, certificate))
}

/// The precommit of the only validator.
fn certify(parent: &Tip, block: starling_ledger::block::BlockHash) -> CommitCertificate {
    let key = local_consensus_key("n1");
    let vote = Vote {
        vote_type: VoteType::Precommit,
        height: 1,
        round: 0,
        block: Some(block),
        validator: parent.validators.members()[0].key,
    };
    let signature = vote.sign(&parent.genesis_hash, &key).signature;
    CommitCertificate {
        height: 1,
        round: 0,
        block,
        signatures: vec![CommitSignature {
            validator: 0,
            signature,
        }],
    }
}

fn manifest(snapshot: &Path, genesis: &Genesis) -> Outcome<VerifiedManifest> {
    let manifest = snapshot_files::read_manifest(snapshot)?;
    let point = &Trusted::genesis(genesis)?;
    let now_ms = wall_ms();
    Ok(manifest.verify(&Ed25519, genesis, &Anchor::Trusted { point, now_ms })?)
}

fn verify(snapshot: &Path, manifest: VerifiedManifest) -> Outcome {
    let chunks = manifest.get().chunks.clone();
    let mut list = Checklist::new(manifest);
    for (position, listed) in chunks.iter().enumerate() {
        let bytes = snapshot_files::read_chunk(snapshot, position, listed.encoded_bytes())?;
        list.take(&bytes)?;
    }
    Ok(list.complete()?)
}

fn restore(
    snapshot: &Path,
    ledger: &Path,
    genesis: &Genesis,
    manifest: VerifiedManifest,
) -> Outcome {
    let chunks = manifest.get().chunks.clone();
    let storage = Arc::new(RocksStorage::open(ledger, &OpenOptions::default())?);
    let mut restoration = Restoration::begin(storage, genesis.clone(), manifest)?;
    for (position, listed) in chunks.iter().enumerate() {
        let bytes = snapshot_files::read_chunk(snapshot, position, listed.encoded_bytes())?;
        restoration.add(&bytes)?;
    }
    drop(restoration.finish()?);
    Ok(())
}

/// Runs one phase and prints its time and the most memory that the process had in it.
fn measured<T>(phase: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    // Begins the counting anew; where the system refuses, peaks are those since the start.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let begun = Instant::now();
    let done = work()?;
    let took_ms = begun.elapsed().as_millis();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!(
        "{phase:8} {took_ms:7} ms   peak memory {}",
        peak.unwrap_or("unknown").trim()
    );
    Ok(done)
}

fn size(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(sum)
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
