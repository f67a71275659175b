//! Sums at the edges of 64 bits are refused by name, never wrapped; these tests run in release.

use crate::execution::{ApplyError, BlockError, Tip};
use crate::fixture::{FEE, Network, transfer};
use crate::genesis::Genesis;

/// Where sums wrap or change sign.
const EDGES: [u64; 5] = [1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];

#[test]
fn huge_amounts_are_refused_as_unfunded() {
    let network = Network::new();
    for amount in EDGES {
        for to in ["bob", "alice", "nobody"] {
            let refused = network.apply(&network.pay("alice", 0, to, amount));
            assert_eq!(refused.unwrap_err().code(), "funds", "{amount} to {to}");
        }
    }
}

#[test]
fn huge_fees_are_refused_as_unfunded() {
    let network = Network::new();
    for fee in EDGES {
        let mut body = Network::body(0, vec![transfer("bob", 1)]);
        body.fee = fee;
        let refused = network.apply(&network.sign("alice", body));
        assert_eq!(refused.unwrap_err().code(), "funds", "{fee}");
    }
}

#[test]
fn amounts_whose_sum_wraps_are_refused() {
    let network = Network::new();
    let half = 1 << 63;
    for amounts in [
        vec![half, half],
        vec![u64::MAX, 1],
        vec![1, u64::MAX],
        vec![u64::MAX; 16],
    ] {
        let actions: Vec<_> = amounts
            .iter()
            .map(|amount| transfer("bob", *amount))
            .collect();
        let transaction = network.sign("alice", Network::body(0, actions));
        let refused = network.apply(&transaction);
        assert_eq!(refused.as_ref().unwrap_err().code(), "funds");
        assert_eq!(network.admit(&transaction), refused);
    }
}

#[test]
fn amount_and_fee_whose_sum_wraps_are_refused() {
    let network = Network::new();
    for (amount, fee) in [(1 << 63, 1 << 63), (u64::MAX, 1), (u64::MAX - FEE + 1, FEE)] {
        let mut body = Network::body(0, vec![transfer("bob", amount)]);
        body.fee = fee;
        let transaction = network.sign("alice", body);
        assert_eq!(network.apply(&transaction).unwrap_err().code(), "funds");
    }
}

#[test]
fn a_credit_that_leaves_64_bits_is_refused() {
    let mut network = Network::new();
    network.set_account("bob", |account| account.balance = u64::MAX);
    let refused = network.apply(&network.pay("alice", 0, "bob", 1));
    assert_eq!(refused, Err(ApplyError::SupplyOverflow));
    network.set_account("bob", |account| account.balance = u64::MAX - 1);
    assert_eq!(network.apply(&network.pay("alice", 0, "bob", 1)), Ok(()));
}

#[test]
fn fees_whose_sum_leaves_64_bits_are_refused() {
    let mut network = Network::new();
    let offer = |name: &str, fee| {
        let mut body = Network::body(0, vec![transfer("carol", 1)]);
        body.fee = fee;
        (name.to_owned(), body)
    };
    for name in ["alice", "bob"] {
        network.set_account(name, |account| account.balance = u64::MAX);
    }
    let fees = [offer("alice", u64::MAX - 1), offer("bob", u64::MAX - 1)];
    let transactions = fees.map(|(name, body)| network.sign(&name, body));
    let built = network.build_in(0, &transactions).unwrap();
    let skipped = [(transactions[1].wire_id(), ApplyError::SupplyOverflow)];
    assert_eq!(built.skipped, skipped);
}

#[test]
fn nonces_at_the_edges_are_exact() {
    let mut network = Network::new();
    for nonce in EDGES.into_iter().filter(|nonce| *nonce < u64::MAX) {
        network.set_account("alice", |account| account.nonce = nonce);
        assert_eq!(
            network.apply(&network.pay("alice", nonce, "bob", 1)),
            Ok(())
        );
        let found = nonce.wrapping_add(1 << 63);
        let refused = network.apply(&network.pay("alice", found, "bob", 1));
        let expected = nonce;
        assert_eq!(refused, Err(ApplyError::Nonce { expected, found }));
    }
}

#[test]
fn the_last_nonce_is_never_used() {
    let mut network = Network::new();
    network.set_account("alice", |account| account.nonce = u64::MAX);
    let payment = network.pay("alice", u64::MAX, "bob", 1);
    assert_eq!(network.apply(&payment), Err(ApplyError::NonceExhausted));
    assert_eq!(network.admit(&payment), Err(ApplyError::NonceExhausted));
}

#[test]
fn a_fee_that_cannot_be_counted_has_no_value() {
    let mut parameters = Genesis::local("local", 1, 4).parameters;
    assert_eq!(parameters.required_fee(200, 1), Some(800 + 200 + 10_000));
    parameters.fee_per_byte = 1 << 63;
    assert_eq!(parameters.required_fee(2, 0), None);
    parameters.fee_per_byte = u64::MAX;
    assert_eq!(parameters.required_fee(1, 0), None);
    parameters.fee_per_byte = 0;
    parameters.entry_fee = u64::MAX / 16 + 1;
    assert_eq!(parameters.required_fee(1, 16), None);
}

#[test]
fn the_last_time_and_height_end_the_chain_without_wrapping() {
    let network = Network::new();
    let ended = |change: fn(&mut Tip)| {
        let mut network = Network::new();
        change(&mut network.tip);
        network.build_in(0, &[]).unwrap_err()
    };
    let time = ended(|tip| tip.time_ms = u64::MAX);
    assert!(matches!(
        time,
        BlockError::Time {
            parent_ms: u64::MAX,
            ..
        }
    ));
    let height = ended(|tip| tip.height = u64::MAX);
    assert_eq!(height, BlockError::HeightExhausted);
    let mut block = network.build(&[]).block;
    block.header.time_ms = u64::MAX;
    network.execute(&block).unwrap();
}
