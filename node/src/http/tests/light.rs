//! What a client that takes no node's word reads.

use serde_json::{Value, json};
use starling_ledger::account::Account;
use starling_ledger::block::BlockHeader;
use starling_ledger::codec::decode;
use starling_ledger::genesis::local_account;
use starling_ledger::hash::Hash;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Checkpoint, HistoryProof, LightStep, Past, Trusted, verify_history};
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};
use starling_ledger::transaction::TransactionId;
use starling_ledger::validators::ValidatorSet;

use super::client::{call, failed};
use super::node::{Node, quick};
use crate::api::unhex;

const PIECE_MAX: usize = 64 * 1024;

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

fn header(value: &Value) -> BlockHeader {
    decode::<_, PIECE_MAX>(&bytes(value)).unwrap()
}

#[test]
fn steps_lead_from_what_is_trusted_to_the_last_block() {
    let node = Node::start(quick());
    let told = call(node.address(), "light_steps", json!({}));
    assert_eq!(
        (
            &told["from"],
            &told["to"],
            &told["latest"],
            &told["complete"]
        ),
        (&json!(0), &json!(3), &json!(3), &json!(true))
    );
    let begin = Trusted::genesis(&node.chain.genesis).unwrap();
    let now_ms = node.chain.tip.time_ms;
    let steps = told["steps"].as_array().unwrap();
    let reached = steps.iter().fold(begin, |trusted, step| {
        let step: LightStep = decode::<_, PIECE_MAX>(&bytes(step)).unwrap();
        trusted.advance(&Ed25519, &step, now_ms).unwrap()
    });
    assert_eq!(reached.hash(), node.chain.tip.hash);
    let some = call(node.address(), "light_steps", json!({"from": 1, "to": 2}));
    assert_eq!(some["steps"].as_array().unwrap().len(), 1);
    for wrong in [
        json!({"from": 3}),
        json!({"from": 9}),
        json!({"from": 0, "to": 4}),
        json!({"from": u64::MAX}),
        json!({"from": 0, "to": 0}),
    ] {
        let error = failed(node.address(), "light_steps", wrong.clone());
        assert_eq!(error["code"], -32602, "{wrong}");
    }
}

#[test]
fn a_checkpoint_finds_its_header_and_the_validators_after_it() {
    let node = Node::start(quick());
    let told = call(node.address(), "light_header", json!({"height": 2}));
    let found = header(&told["header"]);
    let next: ValidatorSet = decode::<_, PIECE_MAX>(&bytes(&told["next_validators"])).unwrap();
    assert_eq!(told["hash"], json!(found.hash().to_string()));
    let given = Checkpoint::of(&found);
    let trusted = Trusted::checkpoint(&node.chain.genesis, given, found.clone(), next.clone());
    assert_eq!(trusted.unwrap().height(), 2);
    let hash = json!({"hash": found.validators_hash.to_string()});
    let told = call(node.address(), "light_validators", hash);
    let set: ValidatorSet = decode::<_, PIECE_MAX>(&bytes(&told["validators"])).unwrap();
    assert_eq!(set, next);
    let latest = call(node.address(), "light_header", json!({}));
    assert_eq!(latest["height"], 3);
    let none = json!({"hash": "00".repeat(32)});
    assert_eq!(
        failed(node.address(), "light_validators", none)["code"],
        -32602
    );
    for wrong in [json!({"height": 0}), json!({"height": 4})] {
        assert_eq!(
            failed(node.address(), "light_header", wrong)["code"],
            -32602
        );
    }
}

#[test]
fn headers_go_down_each_the_parent_of_the_one_before() {
    let node = Node::start(quick());
    let told = call(node.address(), "light_headers", json!({"from": 2}));
    let headers: Vec<_> = told["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(header)
        .collect();
    assert_eq!(headers.len(), 2);
    let tip = node.chain.tip.header.clone().unwrap();
    assert_eq!(tip.parent, headers[0].hash());
    assert_eq!(headers[0].parent, headers[1].hash());
    let one = call(
        node.address(),
        "light_headers",
        json!({"from": 3, "count": 1}),
    );
    assert_eq!(header(&one["headers"][0]), tip);
    for wrong in [
        json!({"count": 0}),
        json!({"count": 1001}),
        json!({"from": 4}),
        json!({"from": 0}),
    ] {
        assert_eq!(
            failed(node.address(), "light_headers", wrong.clone())["code"],
            -32602,
            "{wrong}"
        );
    }
}

#[test]
fn a_history_proves_what_became_of_a_transaction() {
    let node = Node::start(quick());
    let past = |nonce: u64| {
        let payment = node.chain.payment(nonce);
        let asked = json!({"address": node.chain.address("alice"), "nonce": nonce});
        let told = call(node.address(), "history", asked);
        let ids = told["ids"].as_array().unwrap().iter();
        let ids = ids.map(|id| TransactionId(id.as_str().unwrap().parse().unwrap()));
        let account: StateProof = decode::<_, PROOF_BYTES_MAX>(&bytes(&told["proof"])).unwrap();
        let proof = HistoryProof {
            account,
            before: told["before"].as_str().unwrap().parse().unwrap(),
            ids: ids.collect(),
        };
        verify_history(&header(&told["header"]), &proof, &payment)
    };
    assert_eq!(past(0), Ok(Past::Happened));
    assert_eq!(past(1), Ok(Past::Happened));
    assert_eq!(past(2), Ok(Past::Open { next: 2 }));
    let asked = json!({"address": node.chain.address("alice"), "nonce": 1});
    let told = call(node.address(), "history", asked);
    let first = Account::history_after(&Hash::ZERO, &node.chain.payment(0).id());
    assert_eq!(told["before"], json!(first.to_string()));
    let stranger = node.chain.address_of(local_account("carol"));
    let told = call(
        node.address(),
        "history",
        json!({"address": stranger, "nonce": 0}),
    );
    assert_eq!((&told["next"], &told["ids"]), (&json!(0), &json!([])));
}
