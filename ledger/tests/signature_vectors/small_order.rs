//! Keys of small order, for which anybody can sign anything, are refused wherever a key comes in.

use bincode::{Decode, Encode};
use starling_ledger::address::AccountId;
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::codec::{decode, encode};
use starling_ledger::genesis::{Genesis, GenesisValidator};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{KeyError, PublicKey, SecretKey, Signature, Signer};
use starling_ledger::transaction::{Action, Body, RawTransaction, Transaction};
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Proposal, Vote, VoteType};

use super::paths::replaced;
use super::vectors::small_order_keys;

const LIMIT: usize = 256 * 1024;

fn placeholder() -> PublicKey {
    SecretKey::local("placeholder").public_key()
}

/// Decodes `value` with another key in the place of the placeholder, for each of the 14 keys and
/// for one that anybody may have.
fn refused_in<T: Encode + Decode<()>>(name: &str, value: &T) {
    let bytes = encode(value);
    let with = |key: &[u8; 32]| replaced(&bytes, placeholder().as_bytes(), key);
    let good = *SecretKey::local("another").public_key().as_bytes();
    assert_ne!(with(&good), bytes, "{name}");
    assert!(decode::<T, LIMIT>(&with(&good)).is_ok(), "{name}");
    for key in small_order_keys() {
        let error = decode::<T, LIMIT>(&with(&key)).map(drop).unwrap_err();
        assert!(error.to_string().contains("small order"), "{name}: {error}");
    }
}

fn transaction(authority: Authority, action: Action) -> Transaction {
    Transaction {
        body: Body {
            sender: None,
            nonce: 0,
            fee: 0,
            expires_at_ms: 0,
            memo: String::new(),
            actions: vec![action],
        },
        authority,
        signatures: vec![],
    }
}

#[test]
fn no_key_of_small_order_is_parsed() {
    for key in small_order_keys() {
        assert_eq!(PublicKey::from_bytes(key), Err(KeyError::SmallOrder));
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.parse::<PublicKey>(), Err(KeyError::SmallOrder));
    }
}

#[test]
fn no_key_of_small_order_enters_a_transaction() {
    let key = Authority::Key(placeholder());
    let policy = Authority::Policy(Policy::new(1, vec![placeholder()]).unwrap());
    refused_in("authority", &key);
    refused_in("policy", &policy);
    let alice = Authority::Key(SecretKey::local("alice").public_key());
    let bond = Action::Bond {
        consensus_key: placeholder(),
        amount: 1,
        proof_of_possession: Signature([0; 64]),
    };
    let set = |authority| Action::SetAuthority { authority };
    for (name, authority, action) in [
        ("sender", key.clone(), Action::Unjail),
        ("senders", policy.clone(), Action::Unjail),
        ("set key", alice.clone(), set(key)),
        ("set policy", alice.clone(), set(policy)),
        ("bond", alice, bond),
    ] {
        let transaction = transaction(authority, action);
        refused_in(name, &transaction);
        for key in small_order_keys() {
            let bytes = encode(&transaction);
            let raw = RawTransaction(replaced(&bytes, placeholder().as_bytes(), &key).into());
            assert!(raw.decode().is_err(), "{name}");
        }
    }
}

#[test]
fn no_key_of_small_order_becomes_a_validator_or_votes() {
    let mut genesis = Genesis::local("small", 1, 4);
    let first = &mut genesis.validators[0];
    *first = GenesisValidator {
        consensus_key: placeholder(),
        ..*first
    };
    refused_in("genesis", &genesis);
    let member = Validator {
        account: AccountId([1; 32]),
        key: placeholder(),
        power: 1,
    };
    refused_in("validator", &member);
    refused_in("validators", &ValidatorSet::new(vec![member]).unwrap());
    refused_in(
        "vote",
        &Vote {
            vote_type: VoteType::Prevote,
            height: 1,
            round: 0,
            block: None,
            validator: placeholder(),
        },
    );
    refused_in(
        "proposal",
        &Proposal {
            height: 1,
            round: 0,
            block: starling_ledger::block::BlockHash(Hash::ZERO),
            pol_round: None,
            proposer: placeholder(),
        },
    );
}
