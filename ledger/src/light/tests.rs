//! What a light client believes, and what it does not.

use super::*;
use crate::fixture::Network;
use crate::genesis::{LOCAL_BALANCE, local_account};
use crate::keys::Ed25519;
use crate::transaction::Action;

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
    network
}

fn check(network: &Network, header: &BlockHeader, signers: &[u16]) -> Result<(), LightError> {
    let certificate = network.certify(header, signers);
    verify_header(&Ed25519, &network.tip.genesis, header, &certificate)
}

#[test]
fn believes_a_header_with_more_than_two_thirds_and_no_other() {
    let network = network();
    let header = network.tip.header.clone().unwrap();
    assert_eq!(check(&network, &header, &[0, 2, 3]), Ok(()));
    let few = check(&network, &header, &[0, 2]);
    assert!(matches!(few, Err(LightError::Certificate(_))));
    let mut other = header.clone();
    other.state_root = Hash([1; 32]);
    let certificate = network.certify(&header, &[0, 1, 2, 3]);
    let forged = verify_header(&Ed25519, &network.tip.genesis, &other, &certificate);
    assert!(matches!(forged, Err(LightError::OtherBlock { .. })));
}

#[test]
fn refuses_other_networks_and_validators() {
    let network = network();
    let header = network.tip.header.clone().unwrap();
    let mut other = header.clone();
    other.genesis = Hash([1; 32]);
    let refused = check(&network, &other, &[0, 1, 2, 3]);
    assert!(matches!(refused, Err(LightError::Network { .. })));
    for change in [
        (|header| header.validators_hash = Hash::ZERO) as fn(&mut BlockHeader),
        |header| header.next_validators_hash = Hash::ZERO,
    ] {
        let mut other = header.clone();
        change(&mut other);
        let refused = check(&network, &other, &[0, 1, 2, 3]);
        assert_eq!(refused, Err(LightError::Validators));
    }
}

#[test]
fn proves_accounts_present_and_absent() {
    let network = network();
    let header = network.tip.header.as_ref().unwrap();
    let proof = |id| network.tip.state.prove(&StateKey::account(id)).unwrap();
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
    let header = network.tip.header.as_ref().unwrap();
    let digest = Hash([3; 32]);
    let record = |name| {
        let sender = local_account(name);
        let key = StateKey::record(&sender, &digest);
        let proof = network.tip.state.prove(&key).unwrap();
        verify_record(header, &proof, &sender, &digest).unwrap()
    };
    assert_eq!(record("bob").map(|record| record.height), Some(1));
    assert_eq!(record("alice"), None);
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
    let mut moved = stored.proof.clone();
    moved.index = 1;
    assert_eq!(
        verify(&moved, &payment.wire_id()),
        Err(LightError::Transaction)
    );
    let mut longer = stored.proof.clone();
    longer.count = 3;
    assert_eq!(
        verify(&longer, &payment.wire_id()),
        Err(LightError::Transaction)
    );
}
