//! Payments told as what they are: through nodes that fall silent, through proxies that lose
//! answers, by many commands at once, and under one name.

mod campaign;
mod names;
mod silence;

use serde_json::Value;
use starling_tests::testnet::Testnet;

/// What alice and bob hold, base units.
fn balances(testnet: &Testnet) -> [u64; 2] {
    ["alice", "bob"].map(|name| {
        let told = testnet.data(&["account", "show", name]);
        told["balance_base"].as_u64().expect("a balance")
    })
}

/// The id that an answer or an error is about.
fn id(envelope: &Value) -> String {
    let told = [&envelope["data"], &envelope["error"]];
    let id = told.iter().find_map(|told| told["id"].as_str());
    let id = id.unwrap_or_else(|| panic!("no id in {envelope}"));
    id.to_owned()
}

/// Says that a command paid `amount` units to bob once, and what alice lost beside is fees.
fn paid_once(before: [u64; 2], after: [u64; 2], amount: u64) {
    let base = amount * 1_000_000;
    assert_eq!(after[1], before[1] + base, "{before:?} {after:?}");
    assert!(after[0] < before[0] - base, "{before:?} {after:?}");
    assert!(after[0] > before[0] - base - 1_000_000, "paid once");
}
