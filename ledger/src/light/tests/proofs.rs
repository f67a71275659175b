//! What a believed header proves, and what not.

use crate::account::Account;
use crate::block::BlockHeader;
use crate::fixture::Network;
use crate::genesis::{LOCAL_BALANCE, LOCAL_STAKE, local_account, local_consensus_key};
use crate::hash::Hash;
use crate::keys::Signer as _;
use crate::light::*;
use crate::merkle::ListProof;
use crate::state::StateProof;
use crate::state_key::StateKey;
use crate::transaction::{Action, TransactionId, VerifiedTransaction, WireId};

fn network() -> Network {
    let mut network = Network::new();
    let record = Action::Record {
        digest: Hash([3; 32]),
        note: "n".to_owned(),
    };
    network.commit(&[
        network.pay("alice", 0, "bob", 5),
        network.sign("bob", Network::body(0, vec![record])),
    ]);
    network.commit(&[
        network.pay("alice", 1, "bob", 6),
        network.pay("alice", 2, "bob", 7),
    ]);
    network
}

fn header(network: &Network) -> &BlockHeader {
    network.tip.header.as_ref().unwrap()
}

fn prove(network: &Network, key: &[u8]) -> StateProof {
    network.tip.state.prove(key).unwrap()
}

#[test]
fn proves_accounts_present_and_absent() {
    let network = network();
    let header = header(&network);
    let proof = |id| prove(&network, &StateKey::account(id));
    let [bob, carol] = ["bob", "carol"].map(local_account);
    let account = verify_account(header, &proof(&bob), &bob).unwrap().unwrap();
    assert_eq!(account.nonce, 1);
    assert!(account.balance < LOCAL_BALANCE);
    assert_eq!(verify_account(header, &proof(&carol), &carol), Ok(None));
    let mut other = header.clone();
    other.state_root = Hash([1; 32]);
    let refused = verify_account(&other, &proof(&bob), &bob);
    assert!(matches!(refused, Err(LightError::Proof(_))));
}

#[test]
fn proves_records_of_their_sender_only() {
    let network = network();
    let digest = Hash([3; 32]);
    let record = |name| {
        let sender = local_account(name);
        let proof = prove(&network, &StateKey::record(&sender, &digest));
        verify_record(header(&network), &proof, &sender, &digest).unwrap()
    };
    assert_eq!(record("bob").map(|record| record.height), Some(1));
    assert_eq!(record("alice"), None);
}

#[test]
fn proves_stakes_present_and_absent() {
    let network = network();
    let stake = |name| {
        let account = local_account(name);
        let proof = prove(&network, &StateKey::stake(&account));
        verify_stake(header(&network), &proof, &account).unwrap()
    };
    let found = stake("n2").unwrap();
    assert_eq!(found.consensus_key, local_consensus_key("n2").public_key());
    assert_eq!(found.bonded, LOCAL_STAKE);
    assert_eq!(stake("alice"), None);
}

#[test]
fn proves_transactions_at_their_place_only() {
    let network = network();
    let payment = network.pay("alice", 0, "bob", 5);
    let stored = network.chain.read().transaction(&payment.id());
    let stored = stored.unwrap().unwrap();
    let verify = |proof: &ListProof, id: &WireId| verify_transaction(&stored.header, proof, id);
    assert_eq!(verify(&stored.proof, &payment.wire_id()), Ok(()));
    let other = network.pay("alice", 1, "bob", 5).wire_id();
    assert_eq!(verify(&stored.proof, &other), Err(LightError::Transaction));
    for change in [(|proof| proof.index = 1) as fn(&mut ListProof), |proof| {
        proof.count = 3
    }] {
        let mut proof = stored.proof.clone();
        change(&mut proof);
        let refused = verify(&proof, &payment.wire_id());
        assert_eq!(refused, Err(LightError::Transaction));
    }
}

/// Alice's three payments, and the proof from a nonce on.
fn history(network: &Network, nonce: usize) -> HistoryProof {
    let payments = [5, 6, 7];
    let ids: Vec<_> = (0..)
        .zip(payments)
        .map(|(nonce, amount)| network.pay("alice", nonce, "bob", amount).id())
        .collect();
    let fold = |hash, id: &TransactionId| Account::history_after(&hash, id);
    let before = match nonce < ids.len() {
        true => ids[..nonce].iter().fold(Hash::ZERO, fold),
        false => Hash::ZERO,
    };
    HistoryProof {
        account: prove(network, &StateKey::account(&local_account("alice"))),
        before,
        ids: ids[nonce.min(ids.len())..].to_vec(),
    }
}

#[test]
fn the_history_proves_that_a_transaction_happened_or_which_one_did_instead() {
    let network = network();
    for (nonce, amount) in [(0u64, 5), (1, 6), (2, 7)] {
        let proof = history(&network, usize::try_from(nonce).unwrap());
        let check = |transaction: &VerifiedTransaction| {
            verify_history(header(&network), &proof, transaction)
        };
        let payment = network.pay("alice", nonce, "bob", amount);
        assert_eq!(check(&payment), Ok(Past::Happened));
        let by = payment.id();
        let never = network.pay("alice", nonce, "bob", 99);
        assert_eq!(check(&never), Ok(Past::Replaced { by }));
        let other = network.pay("alice", nonce + 1, "bob", amount);
        assert_eq!(check(&other), Err(LightError::History));
    }
}

#[test]
fn a_nonce_that_was_not_used_proves_that_a_transaction_did_not_happen_yet() {
    let network = network();
    let proof = history(&network, 3);
    let head = header(&network);
    for nonce in [3, 4, 1_000] {
        let payment = network.pay("alice", nonce, "bob", 1);
        let past = verify_history(head, &proof, &payment);
        assert_eq!(past, Ok(Past::Open { next: 3 }), "{nonce}");
    }
    let used = network.pay("alice", 2, "bob", 7);
    assert_eq!(
        verify_history(head, &proof, &used),
        Err(LightError::History)
    );
    let mut body = Network::body(3, vec![crate::fixture::transfer("bob", 1)]);
    body.expires_at_ms = head.time_ms;
    let expired = network.sign("alice", body.clone());
    let past = verify_history(head, &proof, &expired);
    assert_eq!(past, Ok(Past::Expired { next: 3 }));
    body.expires_at_ms += 1;
    let past = verify_history(head, &proof, &network.sign("alice", body));
    assert_eq!(past, Ok(Past::Open { next: 3 }));
}

#[test]
fn who_has_no_account_made_no_transaction() {
    let network = network();
    let payment = network.pay("carol", 0, "bob", 1);
    let mut proof = HistoryProof {
        account: prove(&network, &StateKey::account(&local_account("carol"))),
        before: Hash::ZERO,
        ids: Vec::new(),
    };
    let check = |proof: &HistoryProof| verify_history(header(&network), proof, &payment);
    assert_eq!(check(&proof), Ok(Past::Open { next: 0 }));
    proof.before = Hash([1; 32]);
    assert_eq!(check(&proof), Err(LightError::History));
    proof.ids = vec![payment.id()];
    assert_eq!(check(&proof), Err(LightError::History));
}

#[test]
fn a_history_with_an_id_changed_left_out_or_added_is_refused() {
    let network = network();
    let payment = network.pay("alice", 1, "bob", 6);
    let good = history(&network, 1);
    for change in [
        (|proof| proof.before = Hash::ZERO) as fn(&mut HistoryProof),
        |proof| proof.ids.truncate(1),
        |proof| proof.ids.rotate_left(1),
        |proof| proof.ids.push(TransactionId(Hash::ZERO)),
        |proof| proof.ids.clear(),
    ] {
        let mut proof = good.clone();
        change(&mut proof);
        let refused = verify_history(header(&network), &proof, &payment);
        assert_eq!(refused, Err(LightError::History));
    }
}
