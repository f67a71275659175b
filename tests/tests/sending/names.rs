//! `--id`: one name pays once, by however many commands at once, and again only after proof that
//! it never will; and what a file or a client hands in again after finality.

use std::process::Stdio;

use serde_json::{Value, json};
use starling_tests::proxy::{Call, Fault, Proxy};
use starling_tests::testnet::{Testnet, wait_for};

use super::{balances, id, paid_once};

/// How many commands use one name at once.
const AT_ONCE: usize = 5;

#[test]
fn commands_with_one_name_at_once_all_end_with_the_same_payment() {
    let testnet = Testnet::up(4);
    let before = balances(&testnet);
    let send = ["send", "alice", "bob", "7", "--id", "rent", "--json"];
    let started = (0..AT_ONCE).map(|_| {
        let mut command = testnet.command(&send);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("the binary starts")
    });
    let started: Vec<_> = started.collect();
    let ended = started.into_iter().map(|child| {
        let output = child.wait_with_output().expect("an end");
        let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
        assert_eq!(output.status.code(), Some(0), "{envelope}");
        id(&envelope)
    });
    let ids: Vec<_> = ended.collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    paid_once(before, balances(&testnet), 7);
}

#[test]
fn a_name_whose_payment_expired_pays_again_after_proof_and_says_so() {
    let testnet = Testnet::up(4);
    let before = balances(&testnet);
    let url = testnet.url_of("n1").expect("n1 is up");
    let plan = |call: &Call| match call.method.as_str() {
        "submit" => Fault::LoseRequest,
        _ => Fault::None,
    };
    let proxy = Proxy::before(&url, plan);
    let genesis = testnet.folder().join("genesis.toml");
    let genesis = genesis.to_str().expect("a path");
    let send = ["send", "alice", "bob", "5", "--id", "rent"];
    let url = proxy.url();
    let lost = ["--node", &url, "--testnet", "none", "--genesis", genesis];
    let brief = ["--expires", "1s", "--timeout", "60s"];
    let (code, envelope) = testnet.envelope(&[&send[..], &lost, &brief].concat());
    let word = &envelope["error"]["code"];
    assert_eq!((code, word), (4, &json!("expired")), "{envelope}");
    let first = id(&envelope);
    let output = testnet.run(&[&send[..], &["--json"]].concat());
    let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
    let told = &envelope["data"];
    assert_eq!(told["status"], "final", "{envelope}");
    assert_eq!(told["renews"], json!(first), "{envelope}");
    assert_ne!(told["id"], json!(first));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains(&first) && words.contains("signed anew"),
        "{words}"
    );
    let after = balances(&testnet);
    paid_once(before, after, 5);
    // From then on the name is that of the second.
    let again = testnet.data(&send);
    assert_eq!(again["id"], told["id"]);
    assert_eq!(balances(&testnet), after);
}

#[test]
fn a_name_of_a_network_that_is_gone_is_free_on_the_next() {
    let testnet = Testnet::up(4);
    let send = ["send", "alice", "bob", "7", "--id", "rent"];
    let first = testnet.data(&send);
    testnet.stop();
    testnet.ok(&["testnet", "clean", "--yes"]);
    testnet.ok(&["testnet", "up", "-d", "--validators", "4"]);
    let second = testnet.data(&send);
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["genesis"], second["genesis"]);
    assert_eq!(testnet.data(&send)["id"], second["id"]);
}

#[test]
fn the_same_bytes_after_finality_are_told_as_final() {
    let testnet = Testnet::up(4);
    testnet.told("tx build alice --pay bob 1 --output rent.toml");
    testnet.told("tx sign rent.toml --key alice --yes");
    let first = testnet.told("tx submit rent.toml");
    testnet.told("send alice bob 1");
    for _ in 0..2 {
        let again = testnet.told("tx submit rent.toml");
        assert_eq!(
            (&again["id"], &again["height"]),
            (&first["id"], &first["height"])
        );
    }
    // The same over HTTP, of a node that it was not handed to.
    let id = first["id"].as_str().expect("an id");
    let raw = testnet.data(&["tx", "show", id])["raw"].take();
    let told = wait_for("n3 to have the block", || {
        let told = testnet.call("n3", "submit", &json!({"transaction": raw}))?;
        (told["result"]["status"] == "final").then(|| told["result"].clone())
    });
    assert_eq!(
        (&told["id"], &told["height"]),
        (&first["id"], &first["height"])
    );
}
