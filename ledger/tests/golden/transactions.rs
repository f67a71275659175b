//! Transactions with every action, by a key and by a policy.

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{SecretKey, Signer};
use starling_ledger::transaction::{
    Action, Body, TRANSACTION_BYTES_MAX, Transaction, possession_hash,
};

use super::{Sample, account, key, network, sample, two_of_three};

fn body(sender: Option<AccountId>, actions: Vec<Action>) -> Body {
    Body {
        sender,
        nonce: 7,
        fee: 1_000,
        expires_at_ms: 1_767_225_600_000,
        memo: "café".to_owned(),
        actions,
    }
}

fn signed(body: Body, authority: Authority, keys: &[&SecretKey]) -> Transaction {
    let sender = body.sender.unwrap_or_else(|| authority.account());
    let id = body.id(&network(), &sender);
    Transaction {
        signatures: keys.iter().map(|key| key.sign(&id.0.0)).collect(),
        body,
        authority,
    }
}

fn actions() -> [(&'static str, Action); 7] {
    let bob = SecretKey::local("bob");
    let proof = possession_hash(&network(), &account("alice"));
    let transfer = Action::Transfer {
        to: account("bob"),
        amount: 1_500_000,
    };
    let record = Action::Record {
        digest: Hash::of(Context::LocalKey, &[b"document"]),
        note: "minutes".to_owned(),
    };
    let bond = Action::Bond {
        consensus_key: bob.public_key(),
        amount: 10_000,
        proof_of_possession: bob.sign(&proof.0),
    };
    let (_, policy) = two_of_three();
    let set = |authority| Action::SetAuthority { authority };
    [
        ("action_transfer", transfer),
        ("action_record", record),
        ("action_set_authority_key", set(Authority::Key(key("bob")))),
        ("action_set_authority_policy", set(policy)),
        ("action_bond", bond),
        ("action_unbond", Action::Unbond { amount: 10_000 }),
        ("action_unjail", Action::Unjail),
    ]
}

/// A transaction by one key, and one by a policy in the name of another account.
pub(super) fn two_transactions() -> (Transaction, Transaction) {
    let alice = SecretKey::local("alice");
    let every = actions().map(|(_, action)| action);
    let plain = body(None, every.into());
    let (keys, policy) = two_of_three();
    let named = body(Some(account("dave")), vec![Action::Unjail]);
    (
        signed(plain, Authority::Key(alice.public_key()), &[&alice]),
        signed(named, policy, &[&keys[0], &keys[2]]),
    )
}

pub(super) fn samples() -> Vec<Sample> {
    const FILE: &str = "transaction.txt";
    const LIMIT: usize = TRANSACTION_BYTES_MAX;
    let mut samples: Vec<_> = actions()
        .iter()
        .map(|(name, action)| sample::<_, LIMIT>(FILE, name, action))
        .collect();
    for (names, transaction) in TRANSACTION_NAMES
        .iter()
        .zip(<[_; 2]>::from(two_transactions()))
    {
        let [authority, sender, body, id, whole, wire_id] = *names;
        let meant = transaction.body.id(&network(), &transaction.sender());
        let wire = transaction.to_raw().wire_id();
        samples.extend([
            sample::<_, LIMIT>(FILE, authority, &transaction.authority),
            sample::<_, LIMIT>(FILE, sender, &transaction.sender()),
            sample::<_, LIMIT>(FILE, body, &transaction.body),
            sample::<_, LIMIT>(FILE, id, &meant),
            sample::<_, LIMIT>(FILE, whole, &transaction),
            sample::<_, LIMIT>(FILE, wire_id, &wire),
        ]);
    }
    samples
}

const TRANSACTION_NAMES: [[&str; 6]; 2] = [
    [
        "key_authority",
        "key_sender",
        "key_body",
        "key_transaction_id",
        "key_transaction",
        "key_wire_id",
    ],
    [
        "policy_authority",
        "policy_sender",
        "policy_body",
        "policy_transaction_id",
        "policy_transaction",
        "policy_wire_id",
    ],
];
