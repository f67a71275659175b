//! Who waits outside the mempool, for how long, and who has to go.

use super::*;
use starling_ledger::authority::Authority;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signature, SignatureScheme, Signer as _};
use starling_ledger::transaction::{Action, Body, Transaction};

const TRUSTED: PeerId = PeerId([1; 32]);
const HOSTILE: PeerId = PeerId([2; 32]);

struct Unchecked;

impl SignatureScheme for Unchecked {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

fn payment(name: &str, nonce: Nonce, expires_at_ms: u64) -> Arc<VerifiedTransaction> {
    let authority = Authority::Key(SecretKey::local(name).public_key());
    let to = AccountId([9; 32]);
    let transaction = Transaction {
        body: Body {
            sender: None,
            nonce,
            fee: 0,
            expires_at_ms,
            memo: String::new(),
            actions: vec![Action::Transfer { to, amount: 1 }],
        },
        authority,
        signatures: vec![Signature([0; 64])],
    };
    Arc::new(
        transaction
            .to_raw()
            .verify(&Unchecked, &Hash([7; 32]))
            .unwrap(),
    )
}

fn coming(transaction: &Arc<VerifiedTransaction>, origin: Origin) -> Coming {
    Coming {
        transaction: Arc::clone(transaction),
        origin,
        tries_left: TRIES,
    }
}

fn nonce(number: usize) -> Nonce {
    Nonce::try_from(number).unwrap()
}

const fn peer(peer: PeerId) -> Origin {
    Origin::Peer {
        peer,
        is_judged: true,
    }
}

fn raws(payments: &[&Arc<VerifiedTransaction>]) -> Vec<RawTransaction> {
    payments.iter().map(|one| one.raw().clone()).collect()
}

#[test]
fn those_behind_a_gap_come_in_order_once_it_is_closed() {
    let mut hold = Hold::default();
    let [third, fourth, sixth] = [3, 4, 6].map(|nonce| payment("alice", nonce, 9));
    for one in [&sixth, &fourth, &third] {
        assert!(hold.put(coming(one, Origin::Told), Why::Early).is_none());
    }
    let alice = third.sender();
    assert_eq!(hold.behind(&alice, 2), []);
    assert_eq!(hold.behind(&alice, 3), raws(&[&third, &fourth]));
    assert_eq!(hold.behind(&alice, 3), [], "they are under check");
    assert_eq!(hold.take(&third.wire_id()).unwrap().origin, Origin::Told);
    assert!(hold.by_id(&third.id()).is_none() && hold.by_id(&fourth.id()).is_some());
}

#[test]
fn a_block_frees_what_failed_and_what_waits_for_whom_it_touched() {
    let mut hold = Hold::default();
    let [failed, early] = ["alice", "bob"].map(|name| payment(name, 1, 9));
    hold.put(coming(&failed, peer(TRUSTED)), Why::NotYet);
    hold.put(coming(&early, peer(TRUSTED)), Why::Early);
    assert_eq!(hold.after_block(|_| false), raws(&[&failed]));
    let bob = early.sender();
    assert_eq!(hold.after_block(|id| *id == bob), raws(&[&early]));
    hold.apply_block(&[early.id()]);
    assert!(hold.by_id(&early.id()).is_none() && hold.by_id(&failed.id()).is_some());
}

#[test]
fn what_expires_leaves() {
    let mut hold = Hold::default();
    let [soon, later] = [5, 6].map(|at| payment("alice", at, at));
    for one in [&soon, &later] {
        hold.put(coming(one, Origin::Told), Why::Early);
    }
    let gone = hold.expire(6);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].transaction.id(), soon.id());
    assert_eq!(hold.expire(6).len(), 0);
}

#[test]
fn whoever_has_the_most_in_a_full_hold_makes_room() {
    let mut hold = Hold::default();
    let honest = payment("honest", 1, 9);
    hold.put(coming(&honest, peer(TRUSTED)), Why::Early);
    let flood = |number: usize| {
        let name = format!("hostile {}", number / OF_SENDER_MAX);
        payment(&name, nonce(number % OF_SENDER_MAX), 9)
    };
    for number in 0..HELD_MAX + 10 {
        let one = flood(number);
        let gone = hold.put(coming(&one, peer(HOSTILE)), Why::Early);
        let expected = (number + 2 > HELD_MAX).then(|| one.id());
        assert_eq!(gone.map(|gone| gone.transaction.id()), expected);
    }
    let another = payment("honest", 2, 9);
    let gone = hold.put(coming(&another, Origin::Told), Why::Early);
    assert_eq!(gone.unwrap().origin, peer(HOSTILE));
    assert_eq!(hold.held.len(), HELD_MAX);
    assert!(hold.by_id(&honest.id()).is_some() && hold.by_id(&another.id()).is_some());
}

#[test]
fn one_sender_holds_no_more_than_may_come_too_early() {
    let mut hold = Hold::default();
    let most = nonce(OF_SENDER_MAX);
    assert_eq!(most, crate::mempool::GAP_MAX);
    for nonce in 1..=most {
        let one = payment("alice", nonce, 9);
        assert!(hold.put(coming(&one, Origin::Told), Why::Early).is_none());
    }
    let more = payment("alice", 1, 10);
    let gone = hold.put(coming(&more, Origin::Told), Why::Early).unwrap();
    assert_eq!(gone.transaction.id(), more.id());
    let freed = hold.take(&payment("alice", 1, 9).wire_id());
    assert!(freed.is_some() && hold.put(coming(&more, Origin::Told), Why::Early).is_none());
}
