//! A chain made by the ledger's own rules, whose validators come, go and change keys by bonding.

use std::collections::BTreeSet;

use crate::fixture::{Network, consensus_key};
use crate::genesis::{Genesis, LOCAL_UNIT, local_account};
use crate::keys::{Ed25519, SecretKey, Signer as _};
use crate::light::*;
use crate::state_key::StateKey;
use crate::transaction::{Action, Amount, possession_hash};

const EPOCH_BLOCKS: u64 = 10;
const STAKE: Amount = 900_000 * LOCAL_UNIT;

/// Makes the block's transaction due, with its sender's nonce.
fn commit(network: &mut Network, name: &str, action: Action) {
    let nonce = network.account(&local_account(name)).map_or(0, |a| a.nonce);
    let transaction = network.sign(name, Network::body(nonce, vec![action]));
    network.commit(&[transaction]);
}

fn bond(network: &Network, name: &str, key: &str, amount: Amount) -> Action {
    let key = SecretKey::local(key).public_key();
    let message = possession_hash(&network.tip.genesis_hash, &local_account(name));
    Action::Bond {
        consensus_key: key,
        amount,
        proof_of_possession: consensus_key(&key).sign(&message.0),
    }
}

fn until(network: &mut Network, height: u64) {
    while network.tip.height < height {
        network.commit(&[]);
    }
}

/// Alice and bob come, n1 and n2 leave, and alice changes her key; each in an epoch of its own.
fn grown() -> Network {
    let mut genesis = Genesis::local("local", 1_000, 4);
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    let mut network = Network::with(&genesis);
    for name in ["n1", "n2"] {
        commit(
            &mut network,
            "bob",
            crate::fixture::transfer(name, LOCAL_UNIT),
        );
    }
    let action = bond(&network, "alice", "k0", STAKE);
    commit(&mut network, "alice", action);
    until(&mut network, 10);
    let amount = 1_000_000 * LOCAL_UNIT;
    commit(&mut network, "n1", Action::Unbond { amount });
    until(&mut network, 20);
    let action = bond(&network, "bob", "k1", STAKE);
    commit(&mut network, "bob", action);
    commit(&mut network, "n2", Action::Unbond { amount });
    until(&mut network, 30);
    let action = bond(&network, "alice", "k2", LOCAL_UNIT);
    commit(&mut network, "alice", action);
    until(&mut network, 45);
    network
}

fn begin(network: &Network) -> Trusted {
    Trusted::genesis(&network.tip.genesis).unwrap()
}

#[test]
fn paths_lead_through_a_chain_whose_validators_bond_leave_and_change_keys() {
    let network = grown();
    let reader = network.chain.read();
    let now_ms = network.tip.time_ms + 1;
    let headers = (1..=45).map(|height| reader.header(height).unwrap().unwrap());
    let sets: BTreeSet<_> = headers.map(|header| header.validators_hash).collect();
    assert_eq!(sets.len(), 5, "each epoch has another set");
    for goal in 1..=45 {
        let steps = path(reader, 0, goal).unwrap();
        let reached = steps.iter().fold(begin(&network), |trusted, step| {
            trusted.advance(&Ed25519, step, now_ms).unwrap()
        });
        let header = reader.header(goal).unwrap().unwrap();
        assert_eq!(reached.hash(), header.hash());
        if goal == 45 {
            assert_eq!(*reached.next_validators(), *network.tip.validators);
        }
    }
}

#[test]
fn older_blocks_are_believed_from_the_tip_as_far_as_todays_keys_reach() {
    let network = grown();
    let reader = network.chain.read();
    let now_ms = network.tip.time_ms + 1;
    let steps = path(reader, 0, 45).unwrap();
    let tip = steps.iter().fold(begin(&network), |trusted, step| {
        trusted.advance(&Ed25519, step, now_ms).unwrap()
    });
    let back = |height: u64| {
        let header = reader.header(height).unwrap().unwrap();
        let known = header.validators_hash == tip.next_validators_hash();
        let set = reader.validators(&header.validators_hash).unwrap();
        let step = LightStep {
            validators: set.filter(|_| !known),
            next_validators: None,
            certificate: reader.certificate(height).unwrap().unwrap(),
            header,
        };
        tip.look_back(&Ed25519, &step, now_ms)
    };
    // Of the four of now, n3, n4 and bob signed with their keys of now; alice did with another.
    assert_eq!(back(44), Ok(()));
    assert_eq!(back(35), Ok(()));
    // Before, bob was not there: half of the power is left.
    assert!(matches!(back(15), Err(LightError::TrustedPower { .. })));
    let mut descent = tip.descent().unwrap();
    for height in (1..45).rev() {
        let header = reader.header(height).unwrap().unwrap();
        assert_eq!(descent.take(&header), Ok(()));
    }
}

#[test]
fn receipts_prove_what_the_newest_state_holds() {
    let network = grown();
    let reader = network.chain.read();
    let judge = Judge {
        scheme: &Ed25519,
        genesis: &network.tip.genesis,
        checkpoint: None,
        now_ms: network.tip.time_ms + 1,
    };
    let prove = |subject| {
        let receipt = Receipt {
            genesis: network.tip.genesis_hash,
            anchor: Anchor::Genesis,
            steps: path(reader, 0, 45).unwrap(),
            subject,
        };
        let read = Receipt::from_bytes(&receipt.to_bytes()).unwrap();
        read.verify(&judge).unwrap().fact
    };
    let validator = |name| {
        let account = local_account(name);
        let proof = network.tip.state.prove(&StateKey::stake(&account)).unwrap();
        match prove(Subject::Validator { account, proof }) {
            Fact::Validator { stake, power, .. } => (stake.map(|stake| stake.bonded), power),
            other => panic!("{other:?}"),
        }
    };
    let alice = STAKE + LOCAL_UNIT;
    assert_eq!(validator("alice"), (Some(alice), Some(alice)));
    // What n1 takes back is still being released.
    assert_eq!(validator("n1"), (Some(0), None));
    assert_eq!(validator("carol"), (None, None));
}
