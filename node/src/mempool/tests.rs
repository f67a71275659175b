//! The rules of the mempool, one test each.

use super::*;
use starling_ledger::authority::Authority;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::transaction::{Action, Body, Transaction};

const GENESIS: Hash = Hash([7; 32]);

fn sender(name: &str) -> AccountId {
    Authority::Key(SecretKey::local(name).public_key()).account()
}

fn account(nonce: Nonce, balance: Amount) -> Account {
    Account {
        nonce,
        ..Account::new(&sender("alice"), balance)
    }
}

fn payment(name: &str, nonce: Nonce, fee: Amount) -> Arc<VerifiedTransaction> {
    expiring(name, nonce, fee, 1_000)
}

fn expiring(name: &str, nonce: Nonce, fee: Amount, at: u64) -> Arc<VerifiedTransaction> {
    let key = SecretKey::local(name);
    let body = Body {
        sender: None,
        nonce,
        fee,
        expires_at_ms: at,
        memo: String::new(),
        actions: vec![Action::Transfer {
            to: sender("bob"),
            amount: 1,
        }],
    };
    let id = body.id(&GENESIS, &sender(name));
    let signatures = vec![key.sign(&id.0.0)];
    let authority = Authority::Key(key.public_key());
    let raw = Transaction {
        body,
        authority,
        signatures,
    }
    .to_raw();
    Arc::new(raw.verify(&Ed25519, &GENESIS).expect("signed right"))
}

fn pool(count_max: usize) -> Mempool {
    Mempool::new(Limits {
        count_max,
        ..Limits::default()
    })
}

fn blocks_worth(pool: &Mempool) -> Vec<(AccountId, Nonce)> {
    let limits = BlockLimits {
        bytes_max: 1 << 20,
        transactions_max: 1_000,
    };
    let candidates = pool.candidates(&limits);
    candidates
        .iter()
        .map(|one| (one.sender(), one.body().nonce))
        .collect()
}

fn reasons(pool: &mut Mempool) -> Vec<Departure> {
    pool.take_left().into_iter().map(|left| left.why).collect()
}

#[test]
fn holds_back_what_lies_behind_a_gap_until_it_closes() {
    let mut pool = pool(10);
    let rich = account(0, 1_000);
    pool.insert(payment("alice", 1, 10), &rich, 0).unwrap();
    assert!(!pool.has_ready() && blocks_worth(&pool).is_empty());
    pool.insert(payment("alice", 0, 10), &rich, 0).unwrap();
    let alice = sender("alice");
    assert_eq!(blocks_worth(&pool), [(alice, 0), (alice, 1)]);
    assert_eq!(pool.next_nonce(&alice), Some(2));
}

#[test]
fn refuses_a_nonce_beyond_the_gap_and_one_that_is_used() {
    let mut pool = pool(10);
    let found = GAP_MAX + 1;
    let refused = pool.insert(payment("alice", found, 10), &account(0, 1_000), 0);
    assert_eq!(refused, Err(MempoolError::NonceGap { found, next: 0 }));
    let refused = pool.insert(payment("alice", 3, 10), &account(4, 1_000), 0);
    assert_eq!(refused, Err(MempoolError::NonceUsed { found: 3, next: 4 }));
    assert_eq!(pool.count(), 0);
}

#[test]
fn replaces_for_a_tenth_more_and_not_for_less() {
    let mut pool = pool(10);
    let rich = account(0, 1_000);
    pool.insert(payment("alice", 0, 100), &rich, 0).unwrap();
    let refused = pool.insert(payment("alice", 0, 109), &rich, 0);
    assert_eq!(
        refused,
        Err(MempoolError::Underpriced {
            nonce: 0,
            needed_base: 110
        })
    );
    let better = payment("alice", 0, 110);
    pool.insert(Arc::clone(&better), &rich, 0).unwrap();
    assert_eq!((pool.count(), pool.size_bytes()), (1, better.size_bytes()));
    assert!(pool.contains(&better.wire_id()) && pool.by_id(&better.id()).is_some());
    assert_eq!(
        reasons(&mut pool),
        [Departure::Replaced { by: better.id() }]
    );
    assert_eq!(pool.insert(better, &rich, 0), Err(MempoolError::Known));
}

#[test]
fn a_full_pool_lets_the_cheapest_tail_go_for_a_better_one() {
    let mut pool = pool(2);
    let rich = account(0, 1_000);
    pool.insert(payment("alice", 0, 10), &rich, 0).unwrap();
    pool.insert(payment("carol", 0, 20), &rich, 0).unwrap();
    assert_eq!(
        pool.insert(payment("dave", 0, 10), &rich, 0),
        Err(MempoolError::Full)
    );
    pool.insert(payment("dave", 0, 30), &rich, 0).unwrap();
    assert_eq!(reasons(&mut pool), [Departure::Evicted]);
    assert_eq!(
        blocks_worth(&pool),
        [(sender("dave"), 0), (sender("carol"), 0)]
    );
}

#[test]
fn a_block_drops_what_it_included_and_holds_back_what_became_too_dear() {
    let mut pool = pool(10);
    let alice = sender("alice");
    for nonce in 0..3 {
        pool.insert(
            payment("alice", nonce, 10 + nonce * 10),
            &account(0, 1_000),
            0,
        )
        .unwrap();
    }
    let first = payment("alice", 0, 10).id();
    pool.apply_block(&[(alice, account(1, 20))], &[first]);
    assert_eq!(pool.take_left(), []);
    assert_eq!(
        (pool.count(), pool.has_ready()),
        (2, false),
        "21 are needed"
    );
    pool.apply_block(&[(alice, account(1, 21))], &[]);
    assert_eq!(blocks_worth(&pool), [(alice, 1), (alice, 2)]);
    pool.apply_block(&[(alice, account(3, 21))], &[]);
    assert_eq!(
        (pool.count(), pool.size_bytes(), pool.has_ready()),
        (0, 0, false)
    );
    let used = vec![Departure::NonceUsed; 2];
    assert_eq!(reasons(&mut pool), used, "the block held others");
}

#[test]
fn what_expired_goes_with_what_is_queued_behind_it() {
    let mut pool = pool(10);
    let rich = account(0, 1_000);
    pool.insert(expiring("alice", 0, 10, 5), &rich, 0).unwrap();
    pool.insert(payment("alice", 1, 10), &rich, 0).unwrap();
    pool.insert(payment("carol", 0, 10), &rich, 0).unwrap();
    pool.expire(6);
    let behind = Departure::Behind { nonce: 0 };
    assert_eq!(reasons(&mut pool), [Departure::Expired, behind]);
    assert_eq!(blocks_worth(&pool), [(sender("carol"), 0)]);
    let refused = pool.insert(expiring("alice", 0, 10, 5), &rich, 6);
    assert_eq!(refused, Err(MempoolError::Expired));
}

#[test]
fn one_sender_may_not_fill_the_pool() {
    let limits = Limits {
        per_sender_max: 2,
        ..Limits::default()
    };
    let mut pool = Mempool::new(limits);
    let rich = account(0, 1_000);
    for nonce in 0..2 {
        pool.insert(payment("alice", nonce, 10), &rich, 0).unwrap();
    }
    let refused = pool.insert(payment("alice", 2, 10), &rich, 0);
    assert_eq!(refused, Err(MempoolError::SenderFull { count: 2 }));
}

#[test]
fn blocks_take_the_best_fee_per_byte_first() {
    let mut pool = pool(10);
    let rich = account(0, 1_000);
    pool.insert(payment("alice", 0, 10), &rich, 0).unwrap();
    pool.insert(payment("alice", 1, 90), &rich, 0).unwrap();
    pool.insert(payment("carol", 0, 50), &rich, 0).unwrap();
    let (alice, carol) = (sender("alice"), sender("carol"));
    assert_eq!(blocks_worth(&pool), [(carol, 0), (alice, 0), (alice, 1)]);
    let limits = BlockLimits {
        bytes_max: 1 << 20,
        transactions_max: 1,
    };
    assert_eq!(pool.candidates(&limits).len(), 1);
}
