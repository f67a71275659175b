//! One intent takes effect once, whatever becomes of its signature on the way.

use std::sync::Arc;

use starling_ledger::authority::{Authority, Policy};
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{ApplyError, BlockLimits, BlockPlan, BuiltBlock, Tip, build};
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{Ed25519, SecretKey, Signature, Signer};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{
    Action, Body, RawTransaction, Transaction, TransactionError, VerifiedTransaction,
};

use super::vectors::small_order_keys;

/// The order of the group's large part, little-endian (RFC 8032, section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn keys() -> Vec<SecretKey> {
    let mut keys: Vec<_> = ["a", "b", "c"].map(SecretKey::local).into();
    keys.sort_by_key(Signer::public_key);
    keys
}

fn two_of_three() -> Authority {
    let keys = keys().iter().map(Signer::public_key).collect();
    Authority::Policy(Policy::new(2, keys).unwrap())
}

/// A network where the two of three have the account of a person of the genesis.
fn network() -> Tip {
    let mut genesis = Genesis::local("malleable", 1_000, 4);
    genesis.accounts[0].account = two_of_three().account();
    genesis.accounts.sort_by_key(|listed| listed.account);
    let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
    chain.init_genesis(&genesis).unwrap();
    chain.tip().unwrap()
}

/// One intent of the two of three, signed by the keys at these places.
fn signed(tip: &Tip, by: [usize; 2]) -> Transaction {
    let authority = two_of_three();
    let body = Body {
        sender: None,
        nonce: 0,
        fee: 500_000,
        expires_at_ms: u64::MAX,
        memo: String::new(),
        actions: vec![Action::Transfer {
            to: authority.account(),
            amount: 1,
        }],
    };
    let id = body.id(&tip.genesis_hash, &authority.account());
    let keys = keys();
    Transaction {
        signatures: by.iter().map(|at| keys[*at].sign(&id.0.0)).collect(),
        body,
        authority,
    }
}

fn verified(tip: &Tip, transaction: &Transaction) -> Arc<VerifiedTransaction> {
    let raw = transaction.to_raw();
    Arc::new(raw.verify(&Ed25519, &tip.genesis_hash).unwrap())
}

fn block(tip: &Tip, candidates: &[Arc<VerifiedTransaction>]) -> BuiltBlock {
    let plan = BlockPlan {
        round: 0,
        clock_ms: 0,
        candidates,
        evidence: &[],
        parent_certificate: None,
        limits: BlockLimits {
            bytes_max: u32::MAX,
            transactions_max: u32::MAX,
        },
    };
    build(tip, plan).unwrap()
}

/// Adds the group's order to S, which leaves it the same number for a careless verifier.
fn with_order_added(signature: &Signature) -> Signature {
    let mut sum = *signature;
    let mut carry = 0u16;
    for (byte, order) in sum.0[32..].iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    sum
}

#[test]
fn a_signature_that_was_changed_on_the_way_is_refused() {
    let tip = network();
    let original = signed(&tip, [0, 1]);
    let refused = |change: &dyn Fn(&Signature) -> Signature| {
        for at in 0..2 {
            let mut changed = original.clone();
            changed.signatures[at] = change(&changed.signatures[at]);
            assert_ne!(changed, original);
            let alone = changed.to_raw().verify(&Ed25519, &tip.genesis_hash);
            assert_eq!(alone.map(drop), Err(TransactionError::Signature));
            let both = [original.to_raw(), changed.to_raw()];
            let both = RawTransaction::verify_each(&both, &Ed25519, &tip.genesis_hash);
            assert!(both[0].is_ok());
            assert_eq!(
                both[1].as_ref().map(drop),
                Err(&TransactionError::Signature)
            );
        }
    };
    refused(&with_order_added);
    refused(&|signature| with_order_added(&with_order_added(signature)));
    for bit in [0, 7, 254, 255, 256, 504, 511] {
        refused(&|signature| {
            let mut flipped = *signature;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
    }
    // R as any encoding of a point of small order, canonical or not.
    for encoding in small_order_keys() {
        refused(&|signature| {
            let mut other = *signature;
            other.0[..32].copy_from_slice(&encoding);
            other
        });
    }
}

#[test]
fn one_intent_signed_again_has_one_id_and_takes_effect_once() {
    let tip = network();
    let [one, other] = [[0, 1], [0, 2]].map(|by| verified(&tip, &signed(&tip, by)));
    assert_eq!(one.id(), other.id());
    assert_ne!(one.wire_id(), other.wire_id());
    // Both in one block: the second has a nonce that is used up.
    let built = block(&tip, &[Arc::clone(&one), Arc::clone(&other)]);
    let refused = ApplyError::Nonce {
        expected: 1,
        found: 0,
    };
    assert_eq!(built.skipped, [(other.wire_id(), refused.clone())]);
    assert_eq!(built.executed.transactions.len(), 1);
    // The second after the first is final.
    let mut later = tip.clone();
    later.state = built.executed.state.state.clone();
    let built = block(&later, std::slice::from_ref(&other));
    assert_eq!(built.skipped, [(other.wire_id(), refused)]);
    let account = StateKey::account(&two_of_three().account());
    assert_eq!(
        later.state.get(&account).unwrap(),
        built.executed.state.state.get(&account).unwrap()
    );
}
