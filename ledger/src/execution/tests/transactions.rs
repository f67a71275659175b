//! What each transaction does, and why it does not apply.

use std::sync::Arc;

use crate::account::Account;
use crate::execution::{ApplyError, BlockLimits, BlockPlan, build};
use crate::fixture::{FEE, Network, transfer};
use crate::genesis::{LOCAL_BALANCE, local_account};
use crate::hash::Hash;
use crate::keys::{SecretKey, Signer as _};
use crate::record::Record;
use crate::state_key::StateKey;
use crate::transaction::{Action, VerifiedTransaction};

fn record(byte: u8) -> Action {
    Action::Record {
        digest: Hash([byte; 32]),
        note: "note".to_owned(),
    }
}

/// What is burned for this transaction if it makes so many entries.
fn burned(network: &Network, transaction: &VerifiedTransaction, entries: u64) -> u64 {
    let parameters = &network.tip.genesis.parameters;
    parameters
        .required_fee(transaction.size_bytes(), entries)
        .unwrap()
}

fn proposer_balance(network: &Network) -> u64 {
    let header = network.tip.header.as_ref().unwrap();
    network.account(&header.proposer).unwrap().balance
}

#[test]
fn a_transfer_moves_the_amount_burns_the_fee_and_pays_the_proposer_the_rest() {
    let mut network = Network::new();
    let payment = network.pay("alice", 0, "bob", 25);
    network.commit(&[Arc::clone(&payment)]);
    let burned = burned(&network, &payment, 0);
    assert_eq!(network.balance("alice"), LOCAL_BALANCE - 25 - FEE);
    assert_eq!(network.balance("bob"), LOCAL_BALANCE + 25);
    assert_eq!(network.totals().burned, burned);
    assert_eq!(proposer_balance(&network), FEE - burned);
}

#[test]
fn a_transaction_moves_nonce_and_history() {
    let mut network = Network::new();
    let payments = [
        network.pay("alice", 0, "bob", 1),
        network.pay("alice", 1, "bob", 2),
    ];
    network.commit(&payments);
    let account = network.account(&local_account("alice")).unwrap();
    let history = payments.iter().fold(Hash::ZERO, |history, payment| {
        Account::history_after(&history, &payment.id())
    });
    assert_eq!((account.nonce, account.history), (2, history));
    let receiver = network.account(&local_account("bob")).unwrap();
    assert_eq!((receiver.nonce, receiver.history), (0, Hash::ZERO));
}

#[test]
fn a_transfer_to_an_unknown_account_creates_it_for_the_entry_fee() {
    let mut network = Network::new();
    let payment = network.pay("alice", 0, "carol", 7);
    network.commit(&[Arc::clone(&payment)]);
    assert_eq!(
        network.account(&local_account("carol")),
        Some(Account::new(&local_account("carol"), 7))
    );
    assert_eq!(network.totals().burned, burned(&network, &payment, 1));
}

#[test]
fn a_fee_must_cover_the_entries_that_are_new() {
    let network = Network::new();
    let offer = |to: &str, entries: u64, less: u64| {
        let mut body = Network::body(0, vec![transfer(to, 1)]);
        let required = burned(&network, &network.sign("alice", body.clone()), entries);
        body.fee = required - less;
        network.apply(&network.sign("alice", body))
    };
    assert_eq!(offer("bob", 0, 0), Ok(()));
    assert!(matches!(offer("bob", 0, 1), Err(ApplyError::Fee { .. })));
    assert_eq!(offer("carol", 1, 0), Ok(()));
    assert!(matches!(offer("carol", 1, 1), Err(ApplyError::Fee { .. })));
    assert!(matches!(offer("carol", 0, 0), Err(ApplyError::Fee { .. })));
}

#[test]
fn an_account_made_twice_in_one_block_is_one_new_entry() {
    let mut network = Network::new();
    let twice = vec![transfer("carol", 1), transfer("carol", 2)];
    let payment = network.sign("alice", Network::body(0, twice));
    network.commit(&[Arc::clone(&payment)]);
    assert_eq!(network.balance("carol"), 3);
    assert_eq!(network.totals().burned, burned(&network, &payment, 1));
}

#[test]
fn a_transfer_to_oneself_needs_the_amount_and_changes_nothing_else() {
    let mut network = Network::new();
    let rest = LOCAL_BALANCE - FEE;
    let refused = network.apply(&network.pay("alice", 0, "alice", rest + 1));
    assert_eq!(refused.unwrap_err().code(), "funds");
    let payment = network.pay("alice", 0, "alice", rest);
    network.commit(&[payment]);
    assert_eq!(network.balance("alice"), rest);
}

#[test]
fn refuses_a_transfer_of_nothing() {
    let network = Network::new();
    for to in ["bob", "alice", "nobody"] {
        let refused = network.apply(&network.pay("alice", 0, to, 0));
        assert_eq!(refused, Err(ApplyError::ZeroAmount));
    }
}

#[test]
fn refuses_what_the_sender_does_not_hold_after_the_fee() {
    let network = Network::new();
    let most = LOCAL_BALANCE - FEE;
    assert_eq!(network.apply(&network.pay("alice", 0, "bob", most)), Ok(()));
    let refused = network.apply(&network.pay("alice", 0, "bob", most + 1));
    let expected = ApplyError::Funds {
        balance: most,
        needed: u128::from(most) + 1,
    };
    assert_eq!(refused, Err(expected));
}

#[test]
fn refuses_a_sender_without_account() {
    let network = Network::new();
    let refused = network.apply(&network.pay("nobody", 0, "bob", 1));
    assert_eq!(refused, Err(ApplyError::UnknownSender));
}

#[test]
fn rejects_a_nonce_gap_and_a_used_nonce() {
    let mut network = Network::new();
    network.commit(&[network.pay("alice", 0, "bob", 1)]);
    for found in [0, 2, u64::MAX] {
        let refused = network.apply(&network.pay("alice", found, "bob", 1));
        assert_eq!(refused, Err(ApplyError::Nonce { expected: 1, found }));
    }
}

#[test]
fn one_nonce_is_spent_once_in_a_block() {
    let network = Network::new();
    let payments = [
        network.pay("alice", 0, "bob", 1),
        network.pay("alice", 0, "bob", 2),
    ];
    let built = network.build(&payments);
    assert_eq!(built.block.transactions, [payments[0].raw().clone()]);
    assert_eq!(
        built.skipped,
        [(
            payments[1].wire_id(),
            ApplyError::Nonce {
                expected: 1,
                found: 0
            }
        )]
    );
    let repeated = network.build(&[Arc::clone(&payments[0]), Arc::clone(&payments[0])]);
    assert_eq!(repeated.block.transactions.len(), 1);
}

#[test]
fn expires_after_the_block_time_it_names() {
    let network = Network::new();
    let time_ms = network.tip.time_ms + 1_000;
    let until = |expires_at_ms| {
        let mut body = Network::body(0, vec![transfer("bob", 1)]);
        body.expires_at_ms = expires_at_ms;
        network.apply(&network.sign("alice", body))
    };
    assert_eq!(until(time_ms), Ok(()));
    let expired = ApplyError::Expired {
        expires_at_ms: time_ms - 1,
        time_ms,
    };
    assert_eq!(until(time_ms - 1), Err(expired));
}

#[test]
fn only_the_current_authority_may_act() {
    let mut network = Network::new();
    let new = SecretKey::local("new").public_key();
    let hash = crate::authority::Authority::Key(new).hash();
    network.set_account("alice", |account| account.authority = hash);
    let refused = network.apply(&network.pay("alice", 0, "bob", 1));
    assert_eq!(refused, Err(ApplyError::Authority));
    let mut body = Network::body(0, vec![transfer("bob", 1)]);
    body.sender = Some(local_account("alice"));
    assert_eq!(network.apply(&network.sign("new", body.clone())), Ok(()));
    let stranger = network.apply(&network.sign("mallory", body));
    assert_eq!(stranger, Err(ApplyError::Authority));
}

#[test]
fn a_record_names_its_block_and_is_never_overwritten() {
    let mut network = Network::new();
    network.commit(&[]);
    network.commit(&[network.sign("alice", Network::body(0, vec![record(5)]))]);
    let key = StateKey::record(&local_account("alice"), &Hash([5; 32]));
    let expected = Record {
        height: 2,
        time_ms: network.tip.time_ms,
        note: "note".to_owned(),
    };
    let stored = network.tip.state.get(&key).unwrap().unwrap();
    assert_eq!(Record::from_bytes(&stored), Ok(expected));
    let again = network.sign("alice", Network::body(1, vec![record(5)]));
    let digest = Hash([5; 32]);
    let exists = Err(ApplyError::RecordExists { digest });
    assert_eq!(network.apply(&again), exists);
    let twice = network.sign("alice", Network::body(1, vec![record(6), record(6)]));
    assert_eq!(network.apply(&twice).unwrap_err().code(), "record_exists");
    let others = network.sign("bob", Network::body(0, vec![record(5)]));
    assert_eq!(network.apply(&others), Ok(()));
}

#[test]
fn a_transaction_that_fails_half_way_leaves_no_trace() {
    let network = Network::new();
    let actions = vec![
        transfer("carol", 5),
        record(1),
        transfer("bob", 5),
        Action::Unjail,
    ];
    let failing = network.sign("alice", Network::body(0, actions));
    let good = network.pay("bob", 0, "alice", 1);
    let with = network.build(&[failing, Arc::clone(&good)]);
    let without = network.build(&[good]);
    assert_eq!(with.skipped.len(), 1);
    assert_eq!(with.block, without.block);
    assert_eq!(with.executed.touched, without.executed.touched);
}

#[test]
fn the_proposers_part_is_burned_where_it_has_no_account() {
    let network = Network::new();
    let mut tip = network.tip.clone();
    let key = StateKey::account(&tip.proposer(0));
    tip.state = tip.state.update(&[(key, None)].into()).unwrap().state;
    let plan = BlockPlan {
        round: 0,
        clock_ms: 0,
        candidates: &[network.pay("alice", 0, "bob", 1)],
        evidence: &[],
        parent_certificate: None,
        limits: BlockLimits {
            bytes_max: u32::MAX,
            transactions_max: u32::MAX,
        },
    };
    let fees = build(&tip, plan).unwrap().executed.fees;
    assert_eq!((fees.burned, fees.proposer), (FEE, 0));
}

#[test]
fn a_proposer_cannot_spend_its_part_in_the_same_block() {
    let mut network = Network::new();
    let names = ["n1", "n2", "n3", "n4"];
    let proposer = network.tip.proposer(0);
    let name = names
        .into_iter()
        .find(|name| local_account(name) == proposer);
    let name = name.unwrap();
    network.set_account(name, |account| account.balance = FEE);
    let payments = [
        network.pay("alice", 0, "bob", 1),
        network.pay(name, 0, "bob", 1),
    ];
    let built = network.build(&payments);
    assert_eq!(built.skipped.len(), 1);
    assert_eq!(built.skipped[0].1.code(), "funds");
}

#[test]
fn touched_accounts_are_those_that_changed_as_they_are_now() {
    let mut network = Network::new();
    let payments = [
        network.pay("alice", 0, "carol", 3),
        network.pay("bob", 9, "alice", 1),
    ];
    let built = network.build(&payments);
    let touched = built.executed.touched.clone();
    network.finish(&built);
    let mut ids = ["alice", "carol"].map(local_account).to_vec();
    ids.push(built.block.header.proposer);
    ids.sort_unstable();
    assert!(touched.iter().map(|(id, _)| *id).eq(ids));
    for (id, account) in touched {
        assert_eq!(network.account(&id), Some(account));
    }
}

#[test]
fn a_mempool_refuses_what_a_block_would() {
    let network = Network::new();
    let code = |name: &str, body| {
        let transaction = network.sign(name, body);
        network.admit(&transaction).unwrap_err().code()
    };
    let mut body = Network::body(0, vec![transfer("bob", 1)]);
    assert_eq!(code("nobody", body.clone()), "unknown_sender");
    // The next block is later than the tip.
    body.expires_at_ms = network.tip.time_ms;
    assert_eq!(code("alice", body.clone()), "expired");
    body.expires_at_ms += 1;
    assert_eq!(network.admit(&network.sign("alice", body.clone())), Ok(()));
    body.fee = 1;
    assert_eq!(code("alice", body), "fee");
    let spent = vec![transfer("bob", LOCAL_BALANCE - FEE), transfer("carol", 1)];
    assert_eq!(code("alice", Network::body(0, spent)), "funds");
    let own = vec![transfer("alice", LOCAL_BALANCE - FEE + 1)];
    assert_eq!(code("alice", Network::body(0, own)), "funds");
    let nothing = vec![transfer("bob", 0)];
    assert_eq!(code("alice", Network::body(0, nothing)), "zero_amount");
    let fee = burned(&network, &network.pay("alice", 0, "bob", 1), 1);
    let mut notes = Network::body(0, vec![record(1), record(2)]);
    notes.fee = fee;
    assert_eq!(code("alice", notes), "fee");
    assert_eq!(
        code("alice", Network::body(0, vec![Action::Unjail])),
        "no_stake"
    );
    assert_eq!(
        code("alice", Network::body(1, vec![transfer("bob", 1)])),
        "nonce"
    );
}

#[test]
fn a_block_stops_at_the_limits_it_is_given() {
    let network = Network::new();
    let payments: Vec<_> = (0..5)
        .map(|nonce| network.pay("alice", nonce, "bob", 1))
        .collect();
    let size = u32::try_from(payments[0].size_bytes()).unwrap();
    let count = |bytes_max, transactions_max| {
        let plan = BlockPlan {
            round: 0,
            clock_ms: 0,
            candidates: &payments,
            evidence: &[],
            parent_certificate: None,
            limits: BlockLimits {
                bytes_max,
                transactions_max,
            },
        };
        let built = build(&network.tip, plan).unwrap();
        assert_eq!(built.skipped, []);
        assert_eq!(built.block.header.time_ms, network.tip.time_ms + 1);
        built.block.transactions.len()
    };
    assert_eq!(count(u32::MAX, 3), 3);
    assert_eq!(count(3 * size, 9), 3);
    assert_eq!(count(3 * size - 1, 9), 2);
    assert_eq!(count(0, 0), 0);
}
