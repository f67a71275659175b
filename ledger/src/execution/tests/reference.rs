//! Random transactions against a naive ledger that shares no code with the real one.
//!
//! The naive ledger has no journal, no pages, no queue and no running totals: it copies itself
//! before each transaction, keeps all its past, and finds what is due by looking through it.

mod naive;
mod wishes;

use std::collections::BTreeSet;
use std::sync::Arc;

use naive::{Naive, Offence, Seat};
use wishes::{PEOPLE, World};

use crate::account::Account;
use crate::chain::ChainStore;
use crate::evidence::Evidence;
use crate::execution::{BuiltBlock, Checks, build, execute};
use crate::fixture::Network;
use crate::hash::Hash;
use crate::keys::{PublicKey, Signature, SignatureScheme};
use crate::staking::StakeStatus;
use crate::supply::check_supply;
use crate::transaction::{RawTransaction, TransactionId};

/// Blocks of the run, and how many transactions each is offered: 100,000 in all.
const BLOCKS: usize = 500;
const OFFERED: usize = 200;

/// Believes every signature: what is checked here is not who signed. Makes none, either.
struct Trusting;

impl SignatureScheme for Trusting {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// How often each thing happened, so that a run that shows nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    applied: usize,
    refused: BTreeSet<&'static str>,
    punished: usize,
    spared: usize,
    paid: usize,
    sat_out: usize,
    kept: usize,
    sets: BTreeSet<Hash>,
}

struct Run {
    world: World,
    network: Network,
    naive: Naive,
    histories: Vec<Vec<TransactionId>>,
    seen: Seen,
}

impl Run {
    fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let network = Network::with(&world.genesis);
        Self {
            naive: Naive::new(&world),
            world,
            network,
            histories: vec![Vec::new(); PEOPLE],
            seen: Seen::default(),
        }
    }

    /// Offers a block of random transactions and evidence to both ledgers.
    fn step(&mut self) {
        let network = &self.network;
        let genesis = network.tip.genesis_hash;
        let time_ms = network.tip.time_ms + self.world.pause_ms();
        self.naive.open(time_ms);
        let mut candidates = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..OFFERED {
            let wish = self.world.wish(&self.naive);
            let raw = self.world.transaction(&wish).to_raw();
            let verified = Arc::new(raw.verify(&Trusting, &genesis).unwrap());
            if let Some(next) = self.naive.run(&wish, verified.size_bytes()) {
                self.naive = next;
                self.histories[wish.sender].push(verified.id());
                expected.push(raw);
            }
            candidates.push(verified);
        }
        let offences = self.world.offences(&self.naive);
        let evidence: Vec<_> = offences
            .iter()
            .map(|offence| self.world.evidence(offence))
            .collect();
        let built = build(&network.tip, network.plan(time_ms, &candidates, &evidence)).unwrap();
        assert_eq!(
            built.block.transactions,
            expected,
            "at height {}",
            network.tip.height + 1
        );
        let tips = self.naive.take_tips();
        let proposer = self.world.person(&built.block.header.proposer);
        self.naive.credit(proposer, tips);
        let signers: Option<Vec<_>> = network.certificate.as_ref().map(|certificate| {
            let signatures = certificate.signatures.iter();
            signatures.map(|one| usize::from(one.validator)).collect()
        });
        self.judge(&built, &offences, &evidence);
        let outcome = self.naive.close(signers);
        self.seen.paid += outcome.paid;
        self.seen.sat_out += outcome.sat_out;
        self.seen.kept += usize::from(outcome.kept);
        self.finish(built, expected.len());
    }

    /// The naive ledger judges the same evidence in the order of the hashes.
    fn judge(&mut self, built: &BuiltBlock, offences: &[Offence], evidence: &[Evidence]) {
        let mut order: Vec<_> = evidence.iter().map(Evidence::hash).zip(offences).collect();
        order.sort_unstable_by_key(|(hash, _)| *hash);
        order.dedup_by_key(|(hash, _)| *hash);
        let mut refused: BTreeSet<_> = BTreeSet::new();
        for (hash, offence) in order {
            match self.naive.punish(offence) {
                true => self.seen.punished += 1,
                false => drop(refused.insert(hash)),
            }
        }
        self.seen.spared += refused.len();
        let found = built.refused_evidence.iter().map(|(hash, _)| *hash);
        assert_eq!(found.collect::<BTreeSet<_>>(), refused);
    }

    /// Executes the block as another node would, and moves on.
    fn finish(&mut self, built: BuiltBlock, applied: usize) {
        let network = &mut self.network;
        let genesis = network.tip.genesis_hash;
        let checks = Checks {
            scheme: &Trusting,
            transactions: &|all| {
                let verified = RawTransaction::verify_all(all, &Trusting, &genesis)?;
                Ok(verified.into_iter().map(Arc::new).collect())
            },
            verified_certificate: None,
        };
        let executed = execute(&network.tip, &built.block, &checks).unwrap();
        assert_eq!(executed.state.root, built.executed.state.root);
        assert_eq!(executed.next_validators, built.executed.next_validators);
        let signers = self
            .world
            .signers(&network.tip.validators, built.block.header.height);
        let certificate = World::certificate(&built.block.header, &signers);
        let batch = ChainStore::append_batch(&built.block, &executed, &certificate).unwrap();
        network.chain.append(batch).unwrap();
        network.tip = network.tip.child(&executed, &built.block.header);
        let view = network.storage.snapshot().unwrap();
        network.tip.state = network.tip.state.settled(view);
        network.certificate = Some(certificate);
        self.seen.applied += applied;
        let refused = built.skipped.iter().map(|(_, error)| error.code());
        self.seen.refused.extend(refused);
        self.seen.sets.insert(network.tip.validators.hash());
    }

    /// Compares everything there is.
    fn compare(&self) {
        let (network, naive, world) = (&self.network, &self.naive, &self.world);
        let height = network.tip.height;
        for person in 0..PEOPLE {
            let name = format!("person {person} at height {height}");
            let account = network.account(&world.id(person));
            let real = account.map(|one| (one.nonce.into(), one.balance.into(), one.authority));
            let authority = |version| world.authority(person, version).hash();
            let expected = naive.account(person);
            let expected =
                expected.map(|(nonce, balance, version)| (nonce, balance, authority(version)));
            assert_eq!(real, expected, "{name}");
            let real = network.stake_of(&world.id(person));
            let real = real.map(|stake| Seat {
                key: world.key_number(&stake.consensus_key),
                bonded: stake.bonded.into(),
                sits_out: stake.status == StakeStatus::SittingOut,
                releases: stake
                    .releases
                    .iter()
                    .map(|one| (one.amount.into(), one.epoch))
                    .collect(),
            });
            assert_eq!(real, naive.seat(person), "{name}");
        }
        let members = network.tip.validators.members().iter();
        let real: Vec<_> = members
            .map(|one| {
                let key = world.key_number(&one.key);
                (world.person(&one.account), key, i128::from(one.power))
            })
            .collect();
        assert_eq!(real, naive.validators(), "at height {height}");
        let totals = network.totals();
        let supply = i128::from(world.genesis.supply().unwrap());
        assert_eq!(naive.sum(), supply, "at height {height}");
        assert_eq!(
            i128::from(totals.burned),
            naive.burned(),
            "at height {height}"
        );
        assert_eq!(i128::from(totals.supply), supply);
    }

    fn compare_histories(&self) {
        for person in 0..PEOPLE {
            let ids = self.histories[person].iter();
            let expected = ids.fold(Hash::ZERO, |history, id| {
                Account::history_after(&history, id)
            });
            let account = self.network.account(&self.world.id(person));
            let real = account.map_or(Hash::ZERO, |account| account.history);
            assert_eq!(real, expected, "history of person {person}");
        }
        assert_eq!(
            check_supply(&self.network.tip.state).unwrap(),
            self.network.totals()
        );
    }
}

#[test]
fn random_transactions_end_as_in_a_naive_ledger_at_every_height() {
    let mut run = Run::new(1);
    for block in 1..=BLOCKS {
        run.step();
        run.compare();
        if block % 50 == 0 {
            run.compare_histories();
        }
    }
    let tip = run.network.chain.tip().unwrap();
    assert_eq!(tip.hash, run.network.tip.hash);
    assert_eq!(tip.validators, run.network.tip.validators);
    // The mixture is worth nothing if it is all of one kind.
    let seen = &run.seen;
    assert!(seen.applied > 20_000, "{seen:?}");
    assert!(seen.punished >= 20 && seen.spared >= 20, "{seen:?}");
    assert!(seen.paid >= 50 && seen.sat_out >= 5, "{seen:?}");
    assert!(seen.kept >= 1 && seen.sets.len() >= 20, "{seen:?}");
    for code in [
        "expired",
        "unknown_sender",
        "authority",
        "nonce",
        "funds",
        "fee",
        "zero_amount",
        "record_exists",
        "no_stake",
        "stake",
        "bond_min",
        "releases_full",
        "key_taken",
        "key_excluded",
        "not_sitting_out",
    ] {
        assert!(
            seen.refused.contains(code),
            "{code} never happened: {seen:?}"
        );
    }
}
