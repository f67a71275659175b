//! Actions together: authorities, many at once, memos, and the chain of an account's history.

use std::sync::Arc;

use crate::account::Account;
use crate::authority::{Authority, Policy};
use crate::execution::ApplyError;
use crate::fixture::{FEE, Network, transfer};
use crate::genesis::{LOCAL_BALANCE, local_account};
use crate::hash::Hash;
use crate::keys::{Ed25519, SecretKey, Signer as _};
use crate::transaction::{
    ACTIONS_MAX, Action, Body, MEMO_BYTES_MAX, Transaction, TransactionError, VerifiedTransaction,
};

fn set_authority(authority: Authority) -> Action {
    Action::SetAuthority { authority }
}

fn two_of_three() -> (Vec<SecretKey>, Authority) {
    let mut keys: Vec<_> = ["one", "two", "three"].map(SecretKey::local).into();
    keys.sort_by_key(|key| key.public_key());
    let public = keys.iter().map(|key| key.public_key()).collect();
    let authority = Authority::Policy(Policy::new(2, public).unwrap());
    (keys, authority)
}

/// Signs for an authority with these keys.
fn sign_by(
    network: &Network,
    authority: &Authority,
    keys: &[&SecretKey],
    body: Body,
) -> Result<Arc<VerifiedTransaction>, TransactionError> {
    let genesis = network.tip.genesis_hash;
    let sender = body.sender.unwrap_or_else(|| authority.account());
    let id = body.id(&genesis, &sender);
    let transaction = Transaction {
        signatures: keys.iter().map(|key| key.sign(&id.0.0)).collect(),
        authority: authority.clone(),
        body,
    };
    transaction
        .to_raw()
        .verify(&Ed25519, &genesis)
        .map(Arc::new)
}

fn named(nonce: u64, actions: Vec<Action>) -> Body {
    Body {
        sender: Some(local_account("alice")),
        ..Network::body(nonce, actions)
    }
}

#[test]
fn a_new_authority_acts_from_the_next_transaction_on_and_the_old_one_never_again() {
    let mut network = Network::new();
    let new = Authority::Key(SecretKey::local("new").public_key());
    let actions = vec![set_authority(new.clone()), transfer("bob", 5)];
    network.commit(&[network.sign("alice", Network::body(0, actions))]);
    let account = network.account(&local_account("alice")).unwrap();
    assert_eq!(account.authority, new.hash());
    assert_eq!(account.balance, LOCAL_BALANCE - FEE - 5);
    let old = network.pay("alice", 1, "bob", 1);
    assert_eq!(network.apply(&old), Err(ApplyError::Authority));
    assert_eq!(network.admit(&old), Err(ApplyError::Authority));
    network.commit(&[network.sign("new", named(1, vec![transfer("bob", 1)]))]);
    // The key of the new authority has an account of its own, which this is not.
    assert_eq!(network.account(&new.account()), None);
}

#[test]
fn a_person_becomes_a_group_and_the_address_stays() {
    let mut network = Network::new();
    let (keys, group) = two_of_three();
    network.commit(&[network.sign(
        "alice",
        Network::body(0, vec![set_authority(group.clone())]),
    )]);
    let body = named(1, vec![transfer("bob", 1)]);
    let two = sign_by(&network, &group, &[&keys[0], &keys[2]], body.clone()).unwrap();
    network.commit(&[two]);
    for too_few_or_many in [&[&keys[0]][..], &[&keys[0], &keys[1], &keys[2]]] {
        let refused = sign_by(&network, &group, too_few_or_many, body.clone());
        assert_eq!(refused, Err(TransactionError::Signature));
    }
    // A part of the group is not the group.
    let part = Authority::Key(keys[0].public_key());
    let alone = sign_by(
        &network,
        &part,
        &[&keys[0]],
        named(2, vec![transfer("bob", 1)]),
    );
    assert_eq!(network.apply(&alone.unwrap()), Err(ApplyError::Authority));
}

#[test]
fn going_back_to_the_first_authority_derives_the_sender_again() {
    let mut network = Network::new();
    let first = Authority::Key(SecretKey::local("alice").public_key());
    let new = Authority::Key(SecretKey::local("new").public_key());
    network.commit(&[network.sign("alice", Network::body(0, vec![set_authority(new)]))]);
    network.commit(&[network.sign("new", named(1, vec![set_authority(first.clone())]))]);
    network.commit(&[network.pay("alice", 2, "bob", 1)]);
    let key = SecretKey::local("alice");
    let redundant = sign_by(
        &network,
        &first,
        &[&key],
        named(3, vec![transfer("bob", 1)]),
    );
    assert_eq!(redundant, Err(TransactionError::RedundantSender));
}

#[test]
fn the_present_authority_may_be_set_again() {
    let mut network = Network::new();
    let same = Authority::Key(SecretKey::local("alice").public_key());
    network.commit(&[network.sign("alice", Network::body(0, vec![set_authority(same)]))]);
    network.commit(&[network.pay("alice", 1, "bob", 1)]);
}

#[test]
fn an_account_that_was_paid_can_be_a_group_from_the_beginning() {
    let mut network = Network::new();
    let (keys, group) = two_of_three();
    let (to, amount) = (group.account(), 10 * FEE);
    network.commit(&[network.sign(
        "alice",
        Network::body(0, vec![Action::Transfer { to, amount }]),
    )]);
    let body = Network::body(0, vec![transfer("bob", 1)]);
    let signed = sign_by(&network, &group, &[&keys[1], &keys[2]], body).unwrap();
    assert_eq!(signed.sender(), to);
    network.commit(&[signed]);
    assert_eq!(network.account(&to).unwrap().balance, amount - FEE - 1);
}

/// Fifteen actions of every kind that can come before others.
fn fifteen() -> Vec<Action> {
    let new = Authority::Key(SecretKey::local("new").public_key());
    let record = |byte| Action::Record {
        digest: Hash([byte; 32]),
        note: String::new(),
    };
    let mut actions = vec![set_authority(new)];
    actions.extend((0..7).map(record));
    actions.extend((0..7).map(|number| transfer(&format!("heir {number}"), 1)));
    actions
}

#[test]
fn sixteen_actions_all_succeed_or_none_does() {
    let mut network = Network::new();
    let with = |last: Action| {
        let mut actions = fifteen();
        actions.push(last);
        assert_eq!(actions.len(), ACTIONS_MAX);
        actions
    };
    for (last, code) in [
        (transfer("bob", 0), "zero_amount"),
        (transfer("bob", LOCAL_BALANCE), "funds"),
        (Action::Unjail, "no_stake"),
        (Action::Unbond { amount: 1 }, "no_stake"),
    ] {
        let failing = network.sign("alice", Network::body(0, with(last)));
        let good = network.pay("bob", 0, "alice", 1);
        let built = network.build(&[failing.clone(), good.clone()]);
        assert_eq!(built.skipped[0].1.code(), code);
        let without = network.build(&[good]);
        assert_eq!(built.block, without.block);
        assert_eq!(built.executed.touched, without.executed.touched);
        assert_eq!(built.executed.state.root, without.executed.state.root);
        // Somebody puts it in all the same.
        let mut block = built.block;
        block.transactions.insert(0, failing.raw().clone());
        block.header.transaction_count += 1;
        block.header.transaction_root = crate::block::Block::transaction_root(&block.transactions);
        assert!(network.execute(&block).is_err());
    }
    let all = network.sign("alice", Network::body(0, with(transfer("bob", 3))));
    network.commit(&[all]);
    assert_eq!(network.balance("bob"), LOCAL_BALANCE + 3);
    assert_eq!(network.balance("heir 6"), 1);
}

#[test]
fn a_failing_bond_leaves_no_trace_of_stake_key_or_list() {
    let network = Network::new();
    let key = SecretKey::local("k0");
    let account = local_account("alice");
    let message = crate::transaction::possession_hash(&network.tip.genesis_hash, &account);
    let bond = Action::Bond {
        consensus_key: key.public_key(),
        amount: 5_000 * 1_000_000,
        proof_of_possession: key.sign(&message.0),
    };
    let unbond = Action::Unbond { amount: 1_000_000 };
    let actions = vec![bond.clone(), unbond, Action::Unjail];
    let failing = network.sign("alice", Network::body(0, actions));
    let good = network.pay("bob", 0, "alice", 1);
    let with = network.build(&[failing.clone(), good.clone()]);
    assert_eq!(
        with.skipped,
        [(failing.wire_id(), ApplyError::NotSittingOut)]
    );
    let without = network.build(&[good]);
    assert_eq!(with.block, without.block);
    // The same key can be bonded right after.
    let again = network.sign("alice", Network::body(0, vec![bond]));
    assert_eq!(network.build(&[failing, again]).block.transactions.len(), 1);
}

#[test]
fn a_memo_travels_and_is_bounded() {
    let network = Network::new();
    let signed = |memo: String| {
        let body = Body {
            memo,
            ..Network::body(0, vec![transfer("bob", 1)])
        };
        let alice = SecretKey::local("alice");
        sign_by(
            &network,
            &Authority::Key(alice.public_key()),
            &[&alice],
            body,
        )
    };
    let long = signed("m".repeat(MEMO_BYTES_MAX)).unwrap();
    assert_eq!(network.apply(&long), Ok(()));
    let refused = signed("m".repeat(MEMO_BYTES_MAX + 1)).unwrap_err();
    assert!(matches!(refused, TransactionError::Codec(_)), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("memo: a length of 257, at most 256")
    );
}

#[test]
fn the_history_takes_in_every_transaction_of_the_account_and_no_other() {
    let mut network = Network::new();
    let new = Authority::Key(SecretKey::local("new").public_key());
    let first = network.sign("alice", Network::body(0, vec![set_authority(new)]));
    let second = network.sign("new", named(1, vec![transfer("bob", 1)]));
    let others = network.pay("bob", 0, "alice", 1);
    network.commit(&[Arc::clone(&first), others, Arc::clone(&second)]);
    let failing = network.sign("new", named(2, vec![Action::Unjail]));
    assert_eq!(network.build(&[failing]).skipped.len(), 1);
    let expected = [first, second].iter().fold(Hash::ZERO, |history, one| {
        Account::history_after(&history, &one.id())
    });
    let account = network.account(&local_account("alice")).unwrap();
    assert_eq!((account.nonce, account.history), (2, expected));
}

#[test]
fn nothing_is_executed_twice_after_a_restart_or_with_other_signatures() {
    let mut network = Network::new();
    let (keys, group) = two_of_three();
    let mut done = vec![network.sign(
        "alice",
        Network::body(0, vec![set_authority(group.clone())]),
    )];
    network.commit(&done);
    for nonce in 1..20 {
        let body = named(nonce, vec![transfer("bob", 1)]);
        done.push(sign_by(&network, &group, &[&keys[0], &keys[1]], body).unwrap());
        network.commit(&done[done.len() - 1..]);
    }
    network.tip = network.chain.tip().unwrap();
    let built = network.build(&done);
    assert!(built.block.transactions.is_empty());
    assert_eq!(built.skipped.len(), done.len());
    // The same meaning under another pair of signatures is another thing on the wire, and no
    // second execution.
    let body = named(5, vec![transfer("bob", 1)]);
    let other = sign_by(&network, &group, &[&keys[1], &keys[2]], body).unwrap();
    assert_eq!(other.id(), done[5].id());
    assert_ne!(other.wire_id(), done[5].wire_id());
    let (expected, found) = (20, 5);
    assert_eq!(
        network.apply(&other),
        Err(ApplyError::Nonce { expected, found })
    );
}
