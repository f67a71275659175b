//! Numbers that a float cannot hold stand beside themselves as text.

use serde_json::{Value, json};

use super::client::call;
use super::node::{Node, quick};

/// Checks every amount and power of an answer; returns how many there are.
fn check(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(check).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                if !name.ends_with("_base") && !["power", "total_power"].contains(&&**name) {
                    return check(value);
                }
                let number = value.as_u64().unwrap();
                let text = map.get(&format!("{name}_text"));
                assert_eq!(text, Some(&json!(number.to_string())), "{name}");
                1
            })
            .sum(),
        _ => 0,
    }
}

#[test]
fn every_amount_and_power_is_told_as_text_too() {
    let node = Node::start(quick());
    let address = |name| json!({"address": node.chain.address(name)});
    for (method, parameters, count) in [
        ("account", address("alice"), 1),
        ("account_history", address("alice"), 1),
        ("stake", address("n1"), 1),
        ("stake", address("alice"), 1),
        ("candidates", json!({}), 4),
        ("validators", json!({}), 9),
        ("status", json!({}), 4),
    ] {
        let told = call(node.address(), method, parameters);
        assert_eq!(check(&told), count, "{method}: {told}");
    }
    for (method, parameters) in [
        ("block", json!({"height": 2})),
        ("blocks", json!({"from": 1})),
        ("mempool", json!({})),
        ("peers", json!({})),
        ("genesis", json!({})),
        ("evidence", json!({})),
    ] {
        check(&call(node.address(), method, parameters));
    }
}
