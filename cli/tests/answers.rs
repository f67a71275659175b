//! What the commands make of a node's answers; the node is a script.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use starling_ledger::genesis::{Genesis, local_account};

/// Results by method; an `Err` is a JSON-RPC error.
type Script = BTreeMap<&'static str, Result<Value, Value>>;

/// Serves a script on a free port, for as long as the test runs.
fn serve(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let script = Arc::new(script);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = Arc::clone(&script);
            thread::spawn(move || answer(stream, &script));
        }
    });
    format!("http://{address}")
}

/// Reads a request: its first line and its body.
fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).expect("a request");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (first, body)
}

fn answer(stream: TcpStream, script: &Script) {
    let (first, body) = request(&stream);
    let (status, reply) = if first.starts_with("POST /rpc ") {
        let request: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(request["jsonrpc"], "2.0");
        let method = request["method"].as_str().expect("a method");
        let reply = match script.get(method) {
            Some(Ok(result)) => json!({"jsonrpc": "2.0", "id": 1, "result": result}),
            Some(Err(error)) => json!({"jsonrpc": "2.0", "id": 1, "error": error}),
            None => json!({"jsonrpc": "2.0", "id": 1,
                           "error": {"code": -32601, "message": "no such method"}}),
        };
        ("200 OK", reply.to_string())
    } else {
        ("404 Not Found", String::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        reply.len()
    );
    // A client that was killed no longer reads.
    let _ = (&stream).write_all(format!("{head}{reply}").as_bytes());
}

fn genesis() -> Genesis {
    Genesis::local("local", 1, 4)
}

fn status(halted: bool) -> Value {
    let validator = |number: u16, present: bool| {
        json!({"account": "x", "name": format!("n{number}"), "power": 100, "present": present,
               "silent_since_ms": (!present).then_some(50_527_000)})
    };
    json!({
        "version": "0.1.0", "network": "local", "kind": "local",
        "genesis": genesis().hash().to_string(), "symbol": "STAR", "decimals": 6,
        "node": {"id": "ab", "listen": "127.0.0.1:1", "validator": null},
        "height": 55, "head": "ef", "head_time_ms": 5, "state_root": "cd", "peers": 3,
        "consensus": {
            "halted": halted,
            "halted_since_ms": halted.then_some(50_527_000),
            "validators": [
                validator(1, true), validator(2, !halted),
                validator(3, !halted), validator(4, true),
            ],
        },
    })
}

/// An account of the genesis, before block 1.
fn account(nonce: u64) -> Value {
    json!({"nonce": nonce, "next_nonce": nonce, "balance_base": 1_000_000_000_000_u64,
           "exists": true, "height": 0, "proof": ""})
}

fn script(halted: bool) -> Script {
    let raw = json!({"raw": hex(&starling_ledger::codec::encode(&genesis()))});
    BTreeMap::from([
        ("status", Ok(status(halted))),
        ("account", Ok(account(0))),
        ("genesis", Ok(raw)),
        ("transaction", Ok(json!({"status": "pending"}))),
        ("validators", Ok(json!({"validators": []}))),
        (
            "peers",
            Ok(json!({"peers": [{"id": "ab", "address": "127.0.0.1:2"}]})),
        ),
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a command against a script; returns exit code, envelope and stderr.
fn run(script: Script, arguments: &[&str]) -> (i32, Value, String) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("genesis.toml");
    std::fs::write(&file, genesis().to_toml()).expect("a genesis");
    let rows = "to,amount,memo\nbob,1,first\nbob,1.0000001,too fine\n";
    std::fs::write(home.path().join("bad.csv"), rows).expect("a batch");
    let rows = "bob,600000\nbob,600000\n";
    std::fs::write(home.path().join("much.csv"), rows).expect("a batch");
    let url = serve(script);
    let output = Command::new(env!("CARGO_BIN_EXE_starling"))
        .args(arguments)
        .args(["--json", "--node", &url])
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .output()
        .expect("the binary starts");
    let envelope = serde_json::from_slice(&output.stdout).expect("one envelope");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code().expect("a code"), envelope, stderr)
}

/// This node is of a release that does not tell its state.
#[test]
fn status_ends_with_6_when_the_network_stands_still() {
    let (code, envelope, _) = run(script(false), &["status"]);
    assert_eq!((code, &envelope["data"]["height"]), (0, &json!(55)));
    let (code, envelope, _) = run(script(true), &["status"]);
    assert_eq!((code, &envelope["data"]["height"]), (6, &json!(55)));
}

#[test]
fn validators_and_peers_hand_the_answer_through() {
    let (code, envelope, _) = run(script(false), &["validators"]);
    assert_eq!((code, &envelope["data"]), (0, &json!({"validators": []})));
    let (code, envelope, _) = run(script(false), &["peers"]);
    assert_eq!(
        (code, &envelope["data"]["peers"][0]["id"]),
        (0, &json!("ab"))
    );
}

#[test]
fn rejected_payment_ends_with_4_and_the_nodes_reason() {
    let mut script = script(false);
    let refusal = json!({"code": -32001, "message": "rejected",
                         "data": {"code": "funds", "reason": "alice has too little"}});
    script.insert("submit", Err(refusal));
    let (code, envelope, stderr) = run(script, &["send", "alice", "bob", "25"]);
    assert_eq!(code, 4, "{envelope}");
    assert_eq!(envelope["error"]["code"], "funds");
    assert_eq!(
        envelope["error"]["message"],
        "rejected: alice has too little"
    );
    let id = envelope["error"]["id"].as_str().expect("an id");
    let first = format!("transaction {id}");
    assert!(stderr.starts_with(&first), "the id comes first: {stderr}");
}

/// Sends with little patience, to a node that gives `answer` to a submission and knows of nothing.
fn sent_to(answer: Result<Value, Value>) -> (i32, Value, String) {
    let mut script = script(false);
    script.insert("submit", answer);
    script.insert("transaction", Ok(json!({"status": "unknown"})));
    let send = ["send", "alice", "bob", "25", "--timeout", "300ms"];
    run(script, &send)
}

#[test]
fn answer_that_tells_nothing_leaves_the_outcome_unknown() {
    let fault = |code: i64, word: &str| {
        let data = json!({"code": word, "reason": word});
        json!({"code": code, "message": word, "data": data})
    };
    for answer in [
        Ok(json!(null)),
        Ok(json!({"status": 7})),
        Err(json!("bad gateway")),
        Err(fault(-32_002, "unavailable")),
        Err(fault(-32_603, "internal")),
    ] {
        let (code, envelope, stderr) = sent_to(answer.clone());
        let error = &envelope["error"];
        assert_eq!(
            (code, &error["code"]),
            (5, &json!("unknown")),
            "{answer:?}: {envelope}"
        );
        let id = error["id"].as_str().expect("an id");
        let words = format!("transaction {id} may still become final, do not repeat it");
        assert!(error["message"].as_str().expect("words").contains(&words));
        assert!(stderr.contains(id), "{stderr}");
    }
}

/// A server that answers every request with this status and body.
fn refusing(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            request(&stream);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn request_that_is_refused_ends_with_the_nodes_sentence() {
    let body = r#"{"error":{"message":"this node does not go by the name n1"}}"#;
    let home = tempfile::tempdir().expect("a temporary folder");
    for (status, word) in [
        ("403 Forbidden", "refused"),
        ("502 Bad Gateway", "protocol"),
    ] {
        let url = refusing(status, body);
        let output = Command::new(env!("CARGO_BIN_EXE_starling"))
            .args(["peers", "--json", "--node", &url])
            .env_clear()
            .env("HOME", home.path())
            .output()
            .expect("the binary starts");
        let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
        let error = &envelope["error"];
        assert_eq!(error["code"], word, "{envelope}");
        let code = &status[..3];
        let words = "this node does not go by the name n1";
        let words = format!("the node refuses the call (HTTP {code}): {words}");
        assert_eq!(error["message"], words);
    }
}

#[test]
fn payment_whose_nonce_is_always_taken_is_signed_again_and_not_for_ever() {
    let data = json!({"code": "underpriced", "reason": "nonce 0 is taken"});
    let refusal = json!({"code": -32001, "message": "taken", "data": data});
    let (code, envelope, stderr) = sent_to(Err(refusal));
    let error = &envelope["error"];
    assert_eq!((code, &error["code"]), (4, &json!("nonce")), "{envelope}");
    let again = stderr.matches("signed again").count();
    assert_eq!(again, 64, "{stderr}");
    let id = error["id"].as_str().expect("an id");
    let last = stderr.lines().next_back().expect("lines");
    assert!(last.contains(id), "{last}");
}

/// A payment that the node takes and no block includes; its nonce, and so its id, is known.
fn waiting(halted: bool) -> Script {
    let mut script = script(halted);
    script.insert("submit", Ok(json!({"id": "?", "status": "accepted"})));
    script
}

#[test]
fn node_that_takes_another_transaction_lied() {
    let (code, envelope, _) = run(waiting(false), &["send", "alice", "bob", "25"]);
    assert_eq!(
        (code, &envelope["error"]["code"]),
        (9, &json!("verification"))
    );
}

#[test]
fn repeat_under_one_id_asks_before_it_submits() {
    // The first try is refused after it was written down; the repeat finds it pending.
    let home = tempfile::tempdir().expect("a temporary folder");
    let url = serve(waiting(false));
    let halted = serve(waiting(true));
    let send = |url: &str, amount: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_starling"))
            .args([
                "send",
                "alice",
                "bob",
                amount,
                "--id",
                "rent",
                "--timeout",
                "300ms",
            ])
            .args(["--json", "--node", url])
            .env_clear()
            .env("HOME", home.path())
            .output()
            .expect("the binary starts");
        let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
        let id = String::from_utf8(output.stderr).expect("UTF-8");
        (
            output.status.code(),
            envelope,
            id.lines().next().unwrap_or_default().to_owned(),
        )
    };
    let (code, _, first) = send(&url, "5");
    assert_eq!(code, Some(9));
    let (code, envelope, second) = send(&url, "5");
    assert_eq!(code, Some(5), "{envelope}");
    assert_eq!(envelope["error"]["code"], "not_final");
    assert_eq!(first, second, "the same transaction");
    let (code, envelope, third) = send(&halted, "5");
    assert_eq!(code, Some(6), "{envelope}");
    let message = envelope["error"]["message"].as_str().expect("words");
    let words = "NETWORK HALTED since 14:02:07 UTC (50.0 % of voting power; silent: n2, n3)";
    assert!(message.contains(words), "{message}");
    assert_eq!(first, third);
    let (code, envelope, _) = send(&url, "6");
    assert_eq!(code, Some(2), "another meaning: {envelope}");
}

#[test]
fn a_refusal_speaks_the_networks_unit_and_says_the_most_that_can_be_sent() {
    let mut script = script(false);
    let reason = "the account holds 3000000 base units, 25000800 base units are needed";
    let refusal = json!({"code": -32001, "message": "rejected",
                         "data": {"code": "funds", "reason": reason}});
    script.insert("submit", Err(refusal));
    let line = ["send", "alice", "bob", "25", "--fee", "0.5"];
    let (code, envelope, _) = run(script, &line);
    assert_eq!(code, 4, "{envelope}");
    assert_eq!(
        envelope["error"]["message"],
        "rejected: the account holds 3 STAR, 25.0008 STAR are needed; the most that can be sent \
         is 2.5 STAR"
    );
}

#[test]
fn who_asks_a_node_by_its_url_needs_no_home() {
    use std::os::unix::process::CommandExt as _;
    let url = serve(script(false));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binary = folder.path().join("starling");
    std::fs::copy(env!("CARGO_BIN_EXE_starling"), &binary).expect("a copy");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("root or the owner");
    for line in [
        &["status"][..],
        &["peers"],
        &["validators"],
        &["account", "show", "alice"],
    ] {
        let mut command = Command::new(&binary);
        command.args(line).args(["--node", &url, "--json"]);
        // No user has this number, so that the list of users names no home either.
        command.env_clear().uid(54_321).current_dir("/");
        let output = command.output().expect("root may be anybody");
        let told = String::from_utf8_lossy(&output.stdout);
        let envelope: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(output.status.code(), Some(0), "{line:?}: {envelope}");
    }
    let mut command = Command::new(&binary);
    command.args(["key", "new", "carol", "--json"]).env_clear();
    let output = command.uid(54_321).output().expect("root may be anybody");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
}

#[test]
fn batch_with_a_wrong_row_or_too_little_funds_sends_nothing() {
    // The script knows no `submit`: whatever was sent would be a failure.
    let send = |file: &str| run(script(false), &["send", "alice", "--batch", file]);
    let (code, envelope, stderr) = send("bad.csv");
    assert_eq!(code, 2, "{envelope}");
    let message = envelope["error"]["message"].as_str().expect("words");
    assert!(message.contains("bad.csv, line 3"), "{message}");
    assert_eq!(stderr, "");
    let (code, envelope, stderr) = send("much.csv");
    assert_eq!((code, &envelope["error"]["code"]), (4, &json!("funds")));
    assert_eq!(stderr, "");
    let (code, _, _) = send("missing.csv");
    assert_eq!(code, 74);
    let both = ["send", "alice", "bob", "1", "--batch", "bad.csv"];
    assert_eq!(run(script(false), &both).0, 2);
}

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn record(exists: bool) -> Value {
    json!({"exists": exists, "recorded_height": exists.then_some(40),
           "recorded_ms": exists.then_some(5), "note": exists.then_some("the lease"),
           "height": 55, "proof": ""})
}

#[test]
fn second_record_of_one_digest_is_rejected_before_it_leaves() {
    let mut script = script(false);
    script.insert("record", Ok(record(true)));
    let add = ["record", "add", "--from", "alice", DIGEST];
    let (code, envelope, stderr) = run(script.clone(), &add);
    assert_eq!(
        (code, &envelope["error"]["code"]),
        (4, &json!("record_exists"))
    );
    assert_eq!(stderr, "", "nothing was signed");
    let show = ["record", "show", "alice", DIGEST];
    let (code, envelope, _) = run(script.clone(), &show);
    assert_eq!(code, 0, "{envelope}");
    let told = &envelope["data"];
    assert_eq!(
        (&told["exists"], &told["verified"]),
        (&json!(true), &json!(false))
    );
    // With a genesis, an answer without proof is a lie.
    let verify = [&show[..], &["--genesis", "genesis.toml"]].concat();
    assert_eq!(run(script.clone(), &verify).0, 9);
    for wrong in [
        &["record", "show", "alice", "9f86"][..],
        &["record", "show", "alice"],
    ] {
        assert_eq!(run(script.clone(), wrong).0, 2, "{wrong:?}");
    }
}

#[test]
fn authority_is_replaced_only_with_consent() {
    let replace = [
        "account",
        "set-authority",
        "alice",
        "--policy",
        "2:alice,bob,n1",
    ];
    let (code, envelope, stderr) = run(script(false), &replace);
    assert_eq!((code, &envelope["error"]["code"]), (2, &json!("confirm")));
    assert!(stderr.contains("from now on only 2 of 3"), "{stderr}");
    for (wrong, code) in [
        ("3:alice,bob", 2),
        ("2:alice,alice", 2),
        ("1:alice,carol", 8),
    ] {
        let arguments = ["account", "set-authority", "alice", "--policy", wrong];
        let (found, envelope, _) = run(script(false), &arguments);
        assert_eq!(found, code, "{wrong}: {envelope}");
    }
    let (code, _, _) = run(script(false), &["account", "set-authority", "alice"]);
    assert_eq!(code, 2);
}

#[test]
fn sender_whose_authority_was_replaced_is_signed_for_by_the_new_one() {
    let replaced = |name: &str| {
        let mut script = waiting(false);
        let mut told = account(0);
        told["authority"] = json!(starling_ledger::hash::Hash(local_account(name).0).to_string());
        script.insert("account", Ok(told));
        script
    };
    // The script's node takes another transaction, which is a lie: so it was signed and sent.
    let (code, _, stderr) = run(replaced("bob"), &["send", "alice", "n1", "1"]);
    assert_eq!(code, 9, "{stderr}");
    let named = ["send", "alice", "n1", "1", "--signer", "alice"];
    let (code, envelope, stderr) = run(replaced("bob"), &named);
    assert_eq!((code, &envelope["error"]["code"]), (8, &json!("wrong_key")));
    assert_eq!(stderr, "");
    let (code, envelope, _) = run(replaced("stranger"), &["send", "alice", "n1", "1"]);
    assert_eq!((code, &envelope["error"]["code"]), (8, &json!("authority")));
    let named = ["send", "alice", "n1", "1", "--authority", "n1"];
    let (code, envelope, _) = run(replaced("bob"), &named);
    assert_eq!((code, &envelope["error"]["code"]), (8, &json!("authority")));
}

#[test]
fn account_is_verified_against_the_genesis_or_said_not_to_be() {
    let (code, envelope, _) = run(script(false), &["account", "show", "alice"]);
    assert_eq!((code, &envelope["data"]["verified"]), (0, &json!(false)));
    let verify = ["account", "show", "alice", "--genesis", "genesis.toml"];
    let (code, envelope, _) = run(script(false), &verify);
    assert_eq!((code, &envelope["data"]["verified"]), (0, &json!(true)));
    let mut lies = script(false);
    lies.insert("account", Ok(account(7)));
    let (code, envelope, _) = run(lies, &verify);
    assert_eq!(
        (code, &envelope["error"]["code"]),
        (9, &json!("verification"))
    );
}

#[test]
fn genesis_of_another_network_ends_with_7() {
    let mut other = script(false);
    let mut told = status(false);
    told["genesis"] = json!("11".repeat(32));
    other.insert("status", Ok(told));
    let arguments = ["account", "show", "alice", "--genesis", "genesis.toml"];
    let (code, envelope, _) = run(other, &arguments);
    assert_eq!(
        (code, &envelope["error"]["code"]),
        (7, &json!("wrong_network"))
    );
}

#[test]
fn unclear_answers_are_failures_and_no_panics() {
    for answer in [
        json!(null),
        json!([]),
        json!({"height": "x"}),
        json!({"version": 1}),
    ] {
        let script = BTreeMap::from([("status", Ok(answer))]);
        let (code, envelope, _) = run(script, &["status"]);
        assert_eq!((code, &envelope["error"]["code"]), (1, &json!("protocol")));
    }
    let (code, envelope, _) = run(BTreeMap::new(), &["status"]);
    assert_eq!(code, 1, "{envelope}");
}

#[test]
fn transaction_that_is_not_final_has_no_receipt() {
    let id = "22".repeat(32);
    let (code, envelope, _) = run(script(false), &["tx", "show", &id]);
    assert_eq!((code, &envelope["data"]["status"]), (0, &json!("pending")));
    let (code, _, _) = run(script(false), &["tx", "show", &id, "--receipt"]);
    assert_eq!(code, 5);
    let (code, _, _) = run(script(false), &["tx", "show", "nonsense"]);
    assert_eq!(code, 2);
}
