//! What is told of an account's own transactions, and of blocks that are no longer kept.

use serde_json::{Value, json};
use starling_ledger::chain::{HistoryEntry, HistoryPage, Pruner};
use starling_ledger::transaction::TransactionId;

use super::client::{call, failed};
use super::node::{Node, quick};

/// Reads a page as the ledger has it.
fn page(told: &Value) -> HistoryPage {
    let entry = |one: &Value| HistoryEntry {
        nonce: one["nonce"].as_u64().unwrap(),
        id: TransactionId(one["id"].as_str().unwrap().parse().unwrap()),
    };
    HistoryPage {
        entries: told["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(entry)
            .collect(),
        start: told["start"].as_str().map(|start| start.parse().unwrap()),
    }
}

#[test]
fn pages_of_a_history_lead_from_the_account_to_its_beginning() {
    let mut node = Node::start(quick());
    let payments: Vec<_> = (2..5).map(|nonce| node.chain.payment(nonce)).collect();
    node.commit(&payments);
    let address = node.chain.address("alice");
    let (mut before, mut end, mut nonces) = (Value::Null, None, Vec::new());
    loop {
        let question = json!({"address": address, "before": before, "limit": 2});
        let told = call(node.address(), "account_history", question);
        let history = told["account"]["history"].as_str().unwrap();
        let expected = end.unwrap_or_else(|| history.parse().unwrap());
        let page = page(&told);
        assert!(page.leads_to(&expected), "{told}");
        nonces.extend(page.entries.iter().rev().map(|entry| entry.nonce));
        end = page.start;
        before = told["next_before"].clone();
        if before.is_null() {
            break;
        }
    }
    assert_eq!(nonces, [4, 3, 2, 1, 0]);
    let stranger = node.chain.address("n1");
    let told = call(node.address(), "account_history", json!([stranger]));
    assert_eq!(told["transactions"], json!([]));
    for limit in [0, 101] {
        let question = json!({"address": address, "limit": limit});
        let refused = failed(node.address(), "account_history", question);
        assert_eq!(refused["data"]["code"], "parameters");
    }
}

#[test]
fn a_node_without_the_index_says_so() {
    let node = Node::start(quick());
    let off = (*node.chain.store).clone().with_history(false);
    while off.settle_history().unwrap().is_some() {}
    let question = json!([node.chain.address("alice")]);
    let refused = failed(node.address(), "account_history", question);
    assert_eq!(refused["data"]["code"], "no_index");
}

#[test]
fn blocks_that_are_no_longer_kept_are_told_from_unknown_ones() {
    let node = Node::start(quick());
    let pruner = Pruner::new((*node.chain.store).clone()).unwrap();
    pruner.step(1).unwrap();
    let code = |height: u64| {
        let refused = failed(node.address(), "block", json!({"height": height}));
        refused["data"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [code(1), code(2), code(4)],
        ["pruned", "pruned", "not_found"]
    );
    assert_eq!(call(node.address(), "block", json!([3]))["height"], 3);
    let told = call(node.address(), "blocks", json!({}));
    assert_eq!(told["blocks"].as_array().unwrap().len(), 1);
    let refused = failed(node.address(), "blocks", json!({"from": 1}));
    assert_eq!(refused["data"]["code"], "pruned");
    let unknown = json!({"id": "00".repeat(32)});
    let told = call(node.address(), "transaction", unknown);
    assert_eq!(
        (&told["status"], &told["first_kept"]),
        (&json!("unknown"), &json!(3))
    );
}
