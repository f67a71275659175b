//! Random transactions against a naive ledger that shares no code with the real one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixture::Network;
use crate::genesis::{Genesis, LOCAL_ACCOUNTS, local_account};
use crate::hash::Hash;
use crate::supply::check_supply;
use crate::transaction::{Action, Body, VerifiedTransaction};

const PEOPLE: [&str; 20] = [
    "alice", "bob", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
    "p14", "p15", "p16", "p17", "p18", "p19",
];
const CASES: u32 = 8;
const BLOCKS: usize = 10;
const BLOCK_TRANSACTIONS: usize = 30;

/// A wish: who does what, and how it deviates from what is right.
#[derive(Clone, Debug)]
struct Wish {
    sender: usize,
    nonce_off: i64,
    fee: u64,
    expires_at_ms: u64,
    actions: Vec<Deed>,
}

#[derive(Clone, Debug)]
enum Deed {
    Pay(usize, u64),
    Note(u8),
    Unjail,
}

/// The whole ledger, in signed numbers of 128 bits.
#[derive(Clone, Default)]
struct Naive {
    accounts: BTreeMap<usize, (i128, i128)>,
    notes: BTreeSet<(usize, u8)>,
    burned: i128,
    tips: i128,
}

impl Naive {
    /// Runs a transaction of `size` bytes; `None` if it does not apply.
    fn run(&self, wish: &Wish, nonce: u64, size: usize, time_ms: u64) -> Option<Self> {
        let mut next = self.clone();
        let (due, balance) = *self.accounts.get(&wish.sender)?;
        let fee = i128::from(wish.fee);
        if i128::from(nonce) != due || time_ms > wish.expires_at_ms || balance < fee {
            return None;
        }
        next.accounts.insert(wish.sender, (due + 1, balance - fee));
        let mut required = 800 + i128::try_from(size).unwrap();
        for deed in &wish.actions {
            required += 10_000 * i128::from(next.act(wish.sender, deed)?);
        }
        next.burned += required;
        next.tips += fee - required;
        (fee >= required).then_some(next)
    }

    fn act(&mut self, sender: usize, deed: &Deed) -> Option<bool> {
        match deed {
            Deed::Unjail => None,
            Deed::Note(digest) => self.notes.insert((sender, *digest)).then_some(true),
            Deed::Pay(to, amount) => {
                let amount = i128::from(*amount);
                let payer = self.accounts.get_mut(&sender)?;
                payer.1 -= amount;
                if amount == 0 || payer.1 < 0 {
                    return None;
                }
                let new = !self.accounts.contains_key(to);
                self.accounts.entry(*to).or_default().1 += amount;
                Some(new)
            }
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let amount = prop_oneof![
        60 => 1..50_000_000u64,
        1 => 1_000_000_000_000 - 1_000_000..1_000_000_000_001u64,
        1 => Just(0),
        1 => Just(u64::MAX),
    ];
    prop_oneof![
        30 => (0..PEOPLE.len(), amount).prop_map(|(to, amount)| Deed::Pay(to, amount)),
        4 => (0..=u8::MAX).prop_map(Deed::Note),
        1 => Just(Deed::Unjail),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let sender = prop_oneof![1 => 0..LOCAL_ACCOUNTS.len(), 1 => 0..PEOPLE.len()];
    let nonce_off = prop_oneof![19 => Just(0i64), 1 => -2..3i64];
    let fee = prop_oneof![1 => 0..2_000u64, 20 => 10_000..60_000u64, 1 => Just(u64::MAX)];
    let expires_at_ms = prop_oneof![19 => Just(u64::MAX), 1 => 0..12_000u64];
    let actions = prop::collection::vec(deed(), 1..4);
    (sender, nonce_off, fee, expires_at_ms, actions).prop_map(
        |(sender, nonce_off, fee, expires_at_ms, actions)| Wish {
            sender,
            nonce_off,
            fee,
            expires_at_ms,
            actions,
        },
    )
}

/// Signs what is wished, with a nonce relative to the one the naive ledger expects.
fn sign(network: &Network, naive: &Naive, wish: &Wish) -> Arc<VerifiedTransaction> {
    let due = naive
        .accounts
        .get(&wish.sender)
        .map_or(0, |account| account.0);
    let nonce = u64::try_from(due)
        .unwrap()
        .wrapping_add_signed(wish.nonce_off);
    let action = |deed: &Deed| match deed {
        Deed::Pay(to, amount) => Action::Transfer {
            to: local_account(PEOPLE[*to]),
            amount: *amount,
        },
        Deed::Note(digest) => Action::Record {
            digest: Hash([*digest; 32]),
            note: String::new(),
        },
        Deed::Unjail => Action::Unjail,
    };
    let body = Body {
        sender: None,
        nonce,
        fee: wish.fee,
        expires_at_ms: wish.expires_at_ms,
        memo: String::new(),
        actions: wish.actions.iter().map(action).collect(),
    };
    network.sign(PEOPLE[wish.sender], body)
}

fn compare(network: &Network, naive: &Naive) {
    for (index, name) in PEOPLE.iter().enumerate() {
        let real = network.account(&local_account(name));
        let real = real.map(|account| (account.nonce.into(), account.balance.into()));
        assert_eq!(real, naive.accounts.get(&index).copied(), "{name}");
    }
    assert_eq!(i128::from(network.totals().burned), naive.burned);
    let proposers = network.tip.validators.members().iter();
    let paid = proposers.map(|member| network.account(&member.account).unwrap().balance);
    assert_eq!(i128::from(paid.sum::<u64>()), naive.tips);
}

#[test]
fn random_transactions_end_as_in_a_naive_ledger_at_every_height() {
    let blocks = prop::collection::vec(prop::collection::vec(wish(), BLOCK_TRANSACTIONS), BLOCKS);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let (applied, refused) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&blocks, |blocks| {
        let genesis = Genesis::local("local", 1_000, 4);
        let mut network = Network::with(&genesis);
        let mut naive = Naive::default();
        for (index, _) in LOCAL_ACCOUNTS.iter().enumerate() {
            naive.accounts.insert(index, (0, 1_000_000_000_000));
        }
        for wishes in blocks {
            let time_ms = network.tip.time_ms + 1_000;
            let mut transactions = Vec::new();
            let mut expected = Vec::new();
            for wish in &wishes {
                let transaction = sign(&network, &naive, wish);
                let (nonce, size) = (transaction.body().nonce, transaction.size_bytes());
                if let Some(next) = naive.run(wish, nonce, size, time_ms) {
                    naive = next;
                    expected.push(transaction.raw().clone());
                }
                transactions.push(transaction);
            }
            let built = network.build(&transactions);
            assert_eq!(built.block.transactions, expected);
            applied.set(applied.get() + expected.len());
            refused.set(refused.get() + built.skipped.len());
            network.finish(&built);
            compare(&network, &naive);
        }
        let totals = check_supply(&network.tip.state).unwrap();
        assert_eq!(totals.supply, genesis.supply().unwrap());
        Ok(())
    });
    outcome.unwrap();
    let (applied, refused) = (applied.get(), refused.get());
    assert_eq!(
        applied + refused,
        CASES as usize * BLOCKS * BLOCK_TRANSACTIONS
    );
    // The mixture is worth nothing if it is all of one kind.
    assert!(
        applied > 100 && refused > 100,
        "{applied} applied, {refused} not"
    );
}
