//! Admission against execution: what enters the mempool is what a block could hold next, behind
//! what waits of its sender, and nothing else is refused as inapplicable.
//!
//! The judge is [`build`](starling_ledger::execution::build): it makes a block of exactly those
//! transactions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../ledger/tests/reference/chance.rs"]
mod chance;
mod crowd;
#[path = "../../../ledger/tests/reference/network.rs"]
mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::execution::{ApplyError, BlockLimits, NextBlock, ReadSet};
use starling_ledger::staking::CANDIDATES_MAX;
use starling_ledger::transaction::{RawTransaction, VerifiedTransaction, WireId};
use starling_node::mempool::{Departure, Limits, Mempool, MempoolError, rerun};
use starling_node::work::{Work, WorkResult, Worker};

use chance::Chance;
use crowd::Crowd;
use network::{Network, Unchecked};

/// How many transactions are tried, and how many of them with a full list of candidates.
const ADMISSIONS: usize = 100_000;
const WITH_FULL_LIST: usize = 5_000;
/// How many are tried between two blocks.
const PER_BLOCK: usize = 80;

/// What happened, so that a run that shows nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    entered: usize,
    replaced: usize,
    early: usize,
    stale: usize,
    refused: BTreeMap<&'static str, usize>,
    left: BTreeMap<&'static str, usize>,
}

struct Trial {
    crowd: Crowd,
    chance: Chance,
    network: Network,
    worker: Worker,
    pool: Mempool,
    seen: Seen,
}

impl Trial {
    fn new(seed: u64, rivals: usize) -> Self {
        let mut crowd = Crowd::new(Chance::new(seed), rivals);
        let genesis = crowd.genesis();
        let mut network = Network::new(&genesis);
        for bonds in crowd.rivals(&network) {
            let built = network.build(&bonds, &[], network.tip.time_ms + 1);
            assert_eq!(built.skipped, []);
            network.finish(&built);
        }
        Self {
            crowd,
            chance: Chance::new(seed ^ 0x0dd),
            worker: Worker::new(Arc::new(Unchecked), network.tip.genesis_hash),
            network,
            pool: Mempool::new(Limits::default()),
            seen: Seen::default(),
        }
    }

    /// Lets a worker check what came.
    fn check(&self, raw: &RawTransaction) -> (Arc<VerifiedTransaction>, ReadSet) {
        let work = Work::CheckTransactions {
            batch: vec![raw.clone()],
            tip: self.network.tip.clone(),
        };
        let WorkResult::Transactions { checked, .. } = self.worker.run(work) else {
            panic!("another result than that of the work");
        };
        checked.into_iter().next().unwrap().result.unwrap()
    }

    /// Tries one transaction, and asks the judge whether the verdict is right.
    fn one(&mut self) {
        let raw = self.crowd.transaction(&self.network, &self.pool);
        let (transaction, reads) = self.check(&raw);
        let mut chain = self.before(&transaction);
        chain.push(Arc::clone(&transaction));
        let next = NextBlock::after(&self.network.tip);
        let verdict = self.pool.insert(Arc::clone(&transaction), &reads, &next);
        let judged = self.judge(&chain, &transaction.wire_id());
        match &verdict {
            Ok(()) => {
                assert_eq!(judged, Ok(()), "{transaction:?} entered");
                self.seen.entered += 1;
            }
            Err(MempoolError::Inapplicable(ApplyError::Funds { .. }))
                if matches!(judged, Err(ApplyError::Nonce { .. })) => {}
            Err(MempoolError::Inapplicable(error)) => {
                assert_eq!(judged, Err(error.clone()), "{transaction:?}");
                *self.seen.refused.entry(error.code()).or_default() += 1;
            }
            Err(MempoolError::Early { nonce, due } | MempoolError::NonceGap { nonce, due }) => {
                let (expected, found) = (*due, *nonce);
                assert_eq!(judged, Err(ApplyError::Nonce { expected, found }));
                self.seen.early += 1;
            }
            Err(MempoolError::Unknown { reason }) => panic!("{transaction:?}: {reason}"),
            // The queue is run anew before the next transaction, so nothing waits for that.
            Err(MempoolError::Unsettled) => panic!("{transaction:?} found a stale queue"),
            Err(_) => {}
        }
        self.settle();
    }

    /// What waits of the sender with lower nonces.
    fn before(&self, transaction: &VerifiedTransaction) -> Vec<Arc<VerifiedTransaction>> {
        let sender = transaction.sender();
        let queue = self
            .pool
            .settled()
            .find(|queue| queue[0].sender() == sender);
        let before = queue.into_iter().flatten();
        before
            .filter(|one| one.body().nonce < transaction.body().nonce)
            .collect()
    }

    /// Asks what a block of these says of one of them.
    fn judge(
        &self,
        chain: &[Arc<VerifiedTransaction>],
        wire_id: &WireId,
    ) -> Result<(), ApplyError> {
        let built = self.network.build(chain, &[], self.network.tip.time_ms + 1);
        let (last, before) = chain.split_last().unwrap();
        let skipped = |one: &Arc<VerifiedTransaction>| {
            let mut skipped = built.skipped.iter();
            skipped.find(|(skipped, _)| *skipped == one.wire_id())
        };
        assert!(before.iter().all(|one| skipped(one).is_none()), "{chain:?}");
        assert_eq!(last.wire_id(), *wire_id);
        match skipped(last) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Runs anew what has to be, and counts what left.
    fn settle(&mut self) {
        loop {
            let stale = self.pool.take_stale();
            if stale.is_empty() {
                break;
            }
            self.seen.stale += stale.len();
            for ran in rerun(&self.network.tip, stale).unwrap() {
                self.pool.settle(ran);
            }
        }
        for left in self.pool.take_left() {
            self.seen.replaced += usize::from(matches!(left.why, Departure::Replaced { .. }));
            *self.seen.left.entry(left.why.code()).or_default() += 1;
        }
    }

    /// Makes a block of some of what waits, and of what this pool never saw.
    fn block(&mut self) {
        let limits = BlockLimits {
            bytes_max: u32::MAX,
            transactions_max: u32::try_from(self.chance.below(60)).unwrap(),
        };
        let mut candidates = self.pool.candidates(&limits);
        for _ in 0..self.chance.below(3) {
            if let Some(raw) = self.crowd.rival(&self.network, &self.pool) {
                candidates.insert(0, self.check(&raw).0);
            }
        }
        for _ in 0..self.chance.below(8) {
            let raw = self.crowd.transaction(&self.network, &self.pool);
            let at = self.chance.index(candidates.len() + 1);
            candidates.insert(at, self.check(&raw).0);
        }
        let evidence = self.crowd.offences(&self.network);
        let pause_ms = 1 + self.chance.below(3_000);
        let built = self
            .network
            .build(&candidates, &evidence, self.network.tip.time_ms + pause_ms);
        self.network.finish(&built);
        let included: Vec<_> = built
            .executed
            .transactions
            .iter()
            .map(|one| one.id)
            .collect();
        let touched: &[(_, Account)] = &built.executed.touched;
        self.pool.apply_block(touched, &included);
        self.pool.expire(self.network.tip.time_ms + 1);
        self.settle();
        self.check_pool();
    }

    /// All that waits of each sender goes into one block, in order.
    fn check_pool(&self) {
        let mut count = 0;
        for queue in self.pool.settled() {
            count += queue.len();
            let built = self
                .network
                .build(&queue, &[], self.network.tip.time_ms + 1);
            assert_eq!(built.skipped, [], "{queue:?}");
            assert_eq!(built.block.transactions.len(), queue.len());
        }
        assert_eq!(count, self.pool.count());
    }
}

fn run(seed: u64, rivals: usize, count: usize) -> Seen {
    let mut trial = Trial::new(seed, rivals);
    for number in 1..=count {
        trial.one();
        if number % PER_BLOCK == 0 {
            trial.block();
        }
    }
    trial.seen
}

#[test]
fn what_enters_is_what_a_block_could_hold_next() {
    let seen = run(8, 0, ADMISSIONS - WITH_FULL_LIST);
    let codes: BTreeSet<_> = seen.refused.keys().copied().collect();
    let expected = [
        "authority",
        "bond_min",
        "expired",
        "fee",
        "funds",
        "key_excluded",
        "key_taken",
        "no_stake",
        "nonce",
        "not_sitting_out",
        "record_exists",
        "releases_full",
        "stake",
        "unknown_sender",
        "zero_amount",
    ];
    let missing: Vec<_> = expected
        .iter()
        .filter(|code| !codes.contains(*code))
        .collect();
    assert!(missing.is_empty(), "{missing:?} never happened: {seen:?}");
    assert!(seen.entered > ADMISSIONS / 10, "{seen:?}");
    for count in [seen.replaced, seen.early, seen.stale] {
        assert!(count > ADMISSIONS / 1_000, "{seen:?}");
    }
    let left: BTreeSet<_> = seen.left.keys().copied().collect();
    for code in ["expired", "replaced", "nonce_used", "behind", "funds"] {
        assert!(left.contains(code), "{code} in {seen:?}");
    }
}

#[test]
fn a_full_list_of_candidates_is_judged_alike() {
    let seen = run(9, CANDIDATES_MAX - 5, WITH_FULL_LIST);
    assert!(seen.refused.contains_key("candidates_full"), "{seen:?}");
    assert!(seen.entered > WITH_FULL_LIST / 10, "{seen:?}");
}
