//! A stranger's first minutes, with real processes: pay, break, restart, join.

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

/// The balance of `name` in base units, as the command line verified it.
fn balance(testnet: &Testnet, name: &str) -> u64 {
    let account = testnet.data(&["account", "show", name]);
    assert_eq!(account["verified"], true, "{account}");
    account["balance_base"].as_u64().expect("a balance")
}

#[test]
fn pays_breaks_halts_and_resumes() {
    let testnet = Testnet::up(4);
    let before = balance(&testnet, "bob");

    let sent = testnet.data(&["send", "alice", "bob", "25"]);
    assert_eq!(sent["status"], "final", "{sent}");
    assert_eq!(sent["verified"], true, "{sent}");
    assert_eq!(balance(&testnet, "bob"), before + 25_000_000);
    let told = testnet.run(&["send", "alice", "bob", "1", "--memo", "lunch"]);
    assert!(
        String::from_utf8_lossy(&told.stdout).contains("FINAL"),
        "{told:?}"
    );

    testnet.ok(&["testnet", "kill", "n2"]);
    let sent = testnet.data(&["send", "alice", "bob", "1"]);
    assert_eq!(sent["status"], "final", "three of four are enough: {sent}");

    testnet.ok(&["testnet", "kill", "n3"]);
    let halted = wait_for("the halt to be noticed", || {
        let status = testnet.status_of("n1")?;
        (status["consensus"]["halted"] == true).then_some(status)
    });
    let silent = silent_names(&halted);
    assert_eq!(silent, ["n2", "n3"], "{halted}");
    let told = testnet.run(&["status"]);
    assert_eq!(told.status.code(), Some(6), "{told:?}");
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    for words in ["HALTED", "50.0 %", "66.7 %", "n2", "n3"] {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }

    let before = balance(&testnet, "alice");
    let (code, waiting) = testnet.envelope(&["send", "bob", "alice", "5", "--timeout", "5s"]);
    assert_eq!(code, 6, "{waiting}");

    testnet.ok(&["testnet", "start", "n3"]);
    wait_for("the waiting payment", || {
        (balance(&testnet, "alice") == before + 5_000_000).then_some(())
    });
    testnet.ok(&["testnet", "start", "n2"]);
    wait_for("all four at one height", || {
        same_head(&testnet, &["n1", "n2", "n3", "n4"])
    });
}

fn silent_names(status: &Value) -> Vec<String> {
    let validators = status["consensus"]["validators"]
        .as_array()
        .expect("a list");
    let silent = validators.iter().filter(|one| one["present"] == false);
    let mut names: Vec<_> = silent
        .map(|one| one["name"].as_str().unwrap_or("?").to_owned())
        .collect();
    names.sort();
    names
}

/// Whether all nodes have the same block and state; heights run on, so it may take a few looks.
fn same_head(testnet: &Testnet, nodes: &[&str]) -> Option<()> {
    let statuses: Option<Vec<Value>> = nodes.iter().map(|node| testnet.status_of(node)).collect();
    let statuses = statuses?;
    let head = |status: &Value| (status["head"].clone(), status["state_root"].clone());
    statuses
        .iter()
        .all(|status| head(status) == head(&statuses[0]))
        .then_some(())
}
