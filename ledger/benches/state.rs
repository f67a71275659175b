//! What a block costs the state: 10,000 accounts of 100,000 read, changed, or read back at start.
//!
//! The storage is in memory, so that this measures the trie and the pages without a disk. Run it by
//! `cargo bench --profile release -p starling-ledger --bench state`.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::state::State;
use starling_ledger::storage::{MemoryStorage, Storage};

type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

const ACCOUNTS: u64 = 100_000;
const TOUCHED: u64 = 10_000;

/// 33 bytes, as an account's key.
fn key(number: u64) -> Vec<u8> {
    let hash = Hash::of(Context::LocalKey, &[&number.to_le_bytes()]);
    [&[0], &hash.0[..]].concat()
}

/// 80 bytes, as an account's value.
fn changes(numbers: impl Iterator<Item = u64>, fill: u8) -> Changes {
    numbers
        .map(|number| (key(number), Some(vec![fill; 80])))
        .collect()
}

fn filled() -> (Arc<dyn Storage>, State) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let state = State::open(&storage).unwrap();
    let update = state.update(&changes(0..ACCOUNTS, 0)).unwrap();
    storage.write(update.writes).unwrap();
    let settled = update.state.settled(storage.snapshot().unwrap());
    (storage, settled)
}

fn state(criterion: &mut Criterion) {
    let (storage, state) = filled();
    let numbers = || (0..TOUCHED).map(|number| number * (ACCOUNTS / TOUCHED) + number % 10);
    let update = changes(numbers(), 1);
    let owned: Vec<_> = numbers().map(key).collect();
    let keys: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    let proof = state.prove(keys[0]).unwrap();

    let mut group = criterion.benchmark_group("state");
    group.sample_size(20);
    group.throughput(Throughput::Elements(TOUCHED));
    group.bench_function("update_10k_of_100k", |bencher| {
        bencher.iter(|| state.update(black_box(&update)).unwrap().root);
    });
    group.bench_function("read_10k_together", |bencher| {
        bencher.iter(|| state.get_many(black_box(&keys)).unwrap());
    });
    group.throughput(Throughput::Elements(ACCOUNTS));
    group.bench_function("open_100k", |bencher| {
        bencher.iter(|| State::open(black_box(&storage)).unwrap().root());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("prove", |bencher| {
        bencher.iter(|| state.prove(black_box(keys[0])).unwrap());
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            proof
                .verify(&state.root(), black_box(keys[0]))
                .unwrap()
                .is_some()
        });
    });
    group.finish();
}

criterion_group!(benches, state);
criterion_main!(benches);
