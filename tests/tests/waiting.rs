//! What waits survives a stop: a clean one, a kill right after "accepted", and damaged files.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::json;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::transaction::{Action, Body, Nonce, RawTransaction, Transaction};
use starling_node::api::hex;
use starling_tests::testnet::{Testnet, call, try_call, wait_for};

/// Payments that are submitted before a kill.
const PAYMENTS: u64 = 50;
/// How long the payments may wait: longer than any test runs.
const HOUR_MS: u64 = 3_600_000;

/// Signs a payment of alice to bob, as the command line would.
fn payment(testnet: &Testnet, nonce: Nonce) -> (String, RawTransaction) {
    let document = fs::read_to_string(testnet.folder().join("genesis.toml")).expect("a genesis");
    let genesis = Genesis::from_toml(&document).expect("it is valid");
    let account = |name| Authority::Key(SecretKey::local(name).public_key()).account();
    let now = starling_node::runtime::wall_ms();
    let mut body = Body {
        sender: None,
        nonce,
        fee: 0,
        expires_at_ms: now + HOUR_MS,
        memo: String::new(),
        actions: vec![Action::Transfer {
            to: account("bob"),
            amount: 1,
        }],
    };
    let signed = |body: &Body| {
        let key = SecretKey::local("alice");
        let id = body.id(&genesis.hash(), &account("alice"));
        let transaction = Transaction {
            body: body.clone(),
            authority: Authority::Key(key.public_key()),
            signatures: vec![key.sign(&id.0.0)],
        };
        (id.to_string(), transaction.to_raw())
    };
    let size = signed(&body).1.0.len();
    body.fee = genesis
        .parameters
        .required_fee(size, 0)
        .expect("a small transaction");
    signed(&body)
}

/// Submits to the node at `url`, which has to accept; returns the id.
fn submit(testnet: &Testnet, url: &str, nonce: Nonce) -> String {
    let (id, raw) = payment(testnet, nonce);
    let answer = call(url, "submit", &json!({"transaction": hex(&raw.0)}));
    assert_eq!(answer["result"]["status"], "accepted", "{answer}");
    assert_eq!(answer["result"]["id"], id, "{answer}");
    id
}

/// Returns what the node at `url` says of a transaction.
fn word(url: &str, id: &str) -> String {
    let answer = call(url, "transaction", &json!({"id": id}));
    let word = answer["result"]["status"].as_str();
    word.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn wait_final(url: &str, ids: &[String]) {
    wait_for("all payments to be final", || {
        let is_final = |id: &String| word(url, id) == "final";
        ids.iter().all(is_final).then_some(())
    });
}

fn url(testnet: &Testnet, node: &str) -> String {
    testnet.url_of(node).expect("an address")
}

fn halt(testnet: &Testnet) {
    for node in ["n3", "n4"] {
        testnet.ok(&["testnet", "kill", node]);
    }
    wait_for("the halt to be noticed", || {
        let status = testnet.status_of("n1")?;
        (status["consensus"]["halted"] == true).then_some(())
    });
}

/// Changes one byte in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    fs::write(path, bytes).expect("it can be written");
}

#[test]
fn what_waits_is_final_after_the_whole_network_was_stopped_and_started() {
    let testnet = Testnet::up(4);
    halt(&testnet);
    let (code, sent) = testnet.envelope(&[
        "send",
        "bob",
        "alice",
        "5",
        "--expires",
        "1h",
        "--timeout",
        "5s",
    ]);
    assert_eq!(code, 6, "{sent}");
    let first = url(&testnet, "n1");
    let ids: Vec<_> = (0..3)
        .map(|nonce| submit(&testnet, &first, nonce))
        .collect();
    wait_for("the neighbour to have them", || {
        let waits = |id: &String| word(&url(&testnet, "n2"), id) == "pending";
        ids.iter().all(waits).then_some(())
    });
    testnet.stop();
    // n1 has them in its journal; n2, which only heard of them, in what it wrote at its stop.
    for (node, file) in [("n1", "submissions.log"), ("n2", "mempool.dat")] {
        assert!(testnet.data_of(node).join(file).exists(), "{node}: {file}");
    }
    for file in ["submissions.log", "mempool.dat"] {
        damage(&testnet.data_of("n1").join(file));
    }
    testnet.ok(&["testnet", "up", "-d"]);
    let second = url(&testnet, "n2");
    wait_final(&second, &ids);
    let balance = testnet.data(&["account", "show", "alice"]);
    let fees = 3 * payment(&testnet, 0).1.0.len() as u64;
    let held = balance["balance_base"].as_u64().expect("a number");
    assert!(
        held > 1_000_004_000_000 - 3 * 10_000 - fees,
        "bob's 5 have come: {balance}"
    );
    let log = testnet.log_of("n1");
    assert!(log.contains("is damaged in 1 places"), "{log}");
    let log = testnet.log_of("n2");
    assert!(
        log.contains("of what waited before the restart, 4 wait again"),
        "{log}"
    );
}

#[test]
fn what_was_accepted_is_final_although_its_node_was_killed_at_once() {
    let testnet = Testnet::up(4);
    let first = url(&testnet, "n1");
    halt(&testnet);
    testnet.ok(&["testnet", "kill", "n2"]);
    // Nobody but n1 can know of them.
    let ids: Vec<_> = (0..PAYMENTS)
        .map(|nonce| submit(&testnet, &first, nonce))
        .collect();
    testnet.ok(&["testnet", "kill", "n1"]);
    testnet.ok(&["testnet", "start", "n1"]);
    let words = wait_for("n1 to answer", || {
        testnet.status_of("n1")?;
        let words = ids.iter().map(|id| word(&first, id));
        Some(words.collect::<Vec<_>>())
    });
    assert_eq!(words, vec!["pending"; ids.len()]);
    let again = call(
        &first,
        "submit",
        &json!({
            "transaction": hex(&payment(&testnet, 0).1.0)
        }),
    );
    assert_ne!(
        again["result"]["status"], "accepted",
        "its nonce is taken: {again}"
    );
    for node in ["n2", "n3", "n4"] {
        testnet.ok(&["testnet", "start", node]);
    }
    wait_final(&first, &ids);
    let log = testnet.log_of("n1");
    let words = "of what waited before the restart, 50 wait again (50 submitted here)";
    assert!(log.contains(words), "{log}");
    assert_eq!(restored(&testnet, "waiting"), Some(PAYMENTS));
}

fn restored(testnet: &Testnet, outcome: &str) -> Option<u64> {
    let name = format!("starling_transactions_restored_total{{outcome=\"{outcome}\"}}");
    testnet.metric_of("n1", &name)
}

#[test]
fn a_stop_under_load_is_a_clean_one() {
    let testnet = Testnet::up(4);
    let load = "load --rate 1000 --count 100000 --accounts 64 --quiet";
    let mut load = testnet.command(&load.split(' ').collect::<Vec<_>>());
    let mut load = load.spawn().expect("the binary starts");
    wait_for("the payments to run", || {
        let paid = testnet.metric_of("n1", "starling_transactions_final_total")?;
        (paid > 500).then_some(())
    });
    testnet.stop();
    // It would go on looking for nodes.
    load.kill().and_then(|()| load.wait()).expect("it is ours");
    for node in ["n1", "n2", "n3", "n4"] {
        // A node that takes too long is killed, and leaves its mark behind.
        let data = testnet.data_of(node);
        assert!(!data.join("running").exists(), "{}", testnet.log_of(node));
        assert!(data.join("mempool.dat").exists(), "{node}");
        assert!(!data.join("mempool.new").exists(), "{node}");
    }
}

/// The disk refuses the journal alone: nothing is accepted, the node stops with the code for it,
/// and starts again when the disk is well.
#[test]
fn what_cannot_be_kept_is_not_accepted() {
    let testnet = Testnet::up(1);
    let url = url(&testnet, "n1");
    testnet.stop();
    for (error, code) in [("EIO", 74), ("ENOSPC", 73)] {
        let log = testnet.home().join("log");
        let mut node = start_on_bad_disk(&testnet, error, &log);
        wait_for("the node to answer", || {
            try_call(&url, "status", &json!({}))
        });
        // A block may hold the first one, although nobody was told that it is accepted.
        for nonce in 0..2 {
            let (id, raw) = payment(&testnet, nonce);
            let answer = try_call(&url, "submit", &json!({"transaction": hex(&raw.0)}));
            let accepted = answer.as_ref().map(|answer| &answer["result"]["status"]);
            assert_ne!(accepted, Some(&json!("accepted")), "{id}");
        }
        let status = wait_for("the node to stop", || node.try_wait().expect("a process"));
        let log = fs::read_to_string(log).expect("a log");
        assert_eq!(status.code(), Some(code), "{log}");
        assert!(log.contains("submissions."), "{log}");
    }
    testnet.ok(&["testnet", "up", "-d"]);
    let sent = testnet.data(&["send", "alice", "bob", "1"]);
    assert_eq!(sent["status"], "final", "{sent}");
}

/// Starts the node with a disk that does not sync the journal.
fn start_on_bad_disk(testnet: &Testnet, error: &str, log: &Path) -> Child {
    let mut command = Command::new("strace");
    testnet.environment(&mut command);
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
    ]);
    command.args(["-e", &format!("inject=fsync,fdatasync:error={error}")]);
    for file in ["submissions.log", "submissions.new"] {
        command.arg("-P").arg(testnet.data_of("n1").join(file));
    }
    command
        .arg(testnet.binary())
        .args(["node", "run", "--config"]);
    command.arg(testnet.folder().join("n1/node.toml"));
    command.stderr(fs::File::create(log).expect("a log"));
    command.spawn().expect("strace is installed: make deps")
}
