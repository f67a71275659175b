//! Submission: what enters, what is here already, and what is refused.

use serde_json::{Value, json};
use starling_ledger::genesis::local_account;
use starling_ledger::keys::SecretKey;
use starling_ledger::transaction::{Action, RawTransaction, VerifiedTransaction};

use super::client::{call, failed};
use super::node::{Node, quick};
use crate::api::hex;

#[test]
fn a_transaction_is_accepted_known_or_rejected_with_a_reason() {
    let node = Node::start(quick());
    let server = node.address();
    let submit = |raw: &[u8]| json!({"transaction": hex(raw)});
    let fresh = node.chain.payment(3);
    let told = call(server, "submit", submit(&fresh.raw().0));
    assert_eq!(told["status"], "accepted");
    assert_eq!(told["id"], json!(fresh.id().to_string()));
    let waiting = call(server, "submit", submit(&node.chain.payment(2).raw().0));
    assert_eq!(waiting["status"], "known");
    let error = failed(server, "submit", submit(b"nonsense"));
    assert_eq!(
        (&error["code"], &error["data"]["code"]),
        (&json!(-32001), &json!("invalid"))
    );
    assert_eq!(error["data"]["reason"], error["message"]);
    let long = failed(server, "submit", submit(&[0; 16 * 1024 + 1]));
    assert_eq!(long["data"]["code"], "too_large");
    assert_eq!(
        failed(server, "submit", json!({"transaction": "0"}))["code"],
        -32602
    );
    assert_eq!(failed(server, "submit", json!({}))["code"], -32602);
}

#[test]
fn a_full_sized_transaction_fits_into_a_call() {
    let node = Node::start(quick());
    let error = failed(
        node.address(),
        "submit",
        json!({"transaction": "00".repeat(16 * 1024)}),
    );
    assert_eq!(error["data"]["code"], "invalid");
}

#[test]
fn what_is_final_already_is_told_with_its_block_and_not_refused() {
    let node = Node::start(quick());
    let server = node.address();
    let submit = |raw: &[u8]| json!({"transaction": hex(raw)});
    let before = node.chain.payment(1);
    let told = call(server, "submit", submit(&before.raw().0));
    assert_eq!(
        (&told["status"], &told["height"]),
        (&json!("final"), &json!(2))
    );
    assert_eq!(told["id"], json!(before.id().to_string()));
    assert_eq!(told["wire_id"], json!(before.wire_id().0.to_string()));
    // Under other signatures it is the same transaction, and what is told is the one in the block.
    let again = signed_apart(&before);
    assert_ne!(again.wire_id(), before.wire_id());
    assert_eq!(call(server, "submit", submit(&again.0)), told);
    // Another transaction of that nonce is refused, and so is one that nobody signed.
    let other = node.chain.transaction(1, pay("n1", 5));
    let refused = failed(server, "submit", submit(&other.raw().0));
    assert_eq!(refused["data"]["code"], "nonce");
    let mut unsigned = before.transaction().clone();
    unsigned.signatures[0].0[40] ^= 1;
    let refused = failed(server, "submit", submit(&unsigned.to_raw().0));
    assert_eq!(refused["data"]["code"], "invalid");
}

#[test]
fn what_waits_under_other_signatures_is_known_as_what_waits() {
    let node = Node::start(quick());
    let waiting = node.chain.payment(2);
    let again = signed_apart(&waiting);
    let parameters = json!({"transaction": hex(&again.0)});
    let told = call(node.address(), "submit", parameters);
    assert_eq!(
        (&told["status"], &told["id"], &told["wire_id"]),
        (
            &json!("known"),
            &json!(waiting.id().to_string()),
            &json!(waiting.wire_id().0.to_string())
        )
    );
    assert_eq!(told["height"], Value::Null);
}

/// The same transaction of alice, with another valid signature.
fn signed_apart(transaction: &VerifiedTransaction) -> RawTransaction {
    let key = SecretKey::local("alice");
    let mut again = transaction.transaction().clone();
    again.signatures = vec![key.sign_apart(&transaction.id().0.0, &[7; 32])];
    again.to_raw()
}

fn pay(to: &str, amount: u64) -> Action {
    let to = local_account(to);
    Action::Transfer { to, amount }
}
