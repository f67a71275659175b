//! What flags do that no other test types: none is accepted and ignored.
//!
//! `cli/src/flags.rs` holds the list of all flags against the tests; this file is where those are
//! tried that belong to no story.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use starling_ledger::keys::{SecretKey, Signer as _};
use starling_tests::testnet::Testnet;

#[test]
fn flags_of_commands_that_ask_a_node() {
    let testnet = Testnet::new();
    let up = testnet.told("testnet up --detach --validators 1 --port-base 25200");
    let http = up["nodes"][0]["http"].as_str().expect("an address");
    assert!(http.starts_with("http://127.0.0.1:252"), "{up}");

    let built = |flags: &str| testnet.told(&format!("tx build alice -o t.tx {flags}"));
    let expiry = |time: &str| {
        let told = built(&format!("--pay bob 1 --expires {time}"));
        fs::remove_file(testnet.home().join("t.tx")).expect("it was written");
        told["expires_at_ms"].as_u64().expect("a time")
    };
    // Built one after the other: an hour is more than a minute, whatever the clock says.
    let (short, long) = (expiry("1m"), expiry("2h"));
    assert!(long > short + 3_600_000);
    built("--set-authority bob");
    let text = fs::read_to_string(testnet.home().join("t.tx")).expect("a file");
    assert!(text.contains("replace the sender's authority"), "{text}");
    testnet.refuses("tx build alice --unbond 5", 4, "no_stake");
    testnet.refuses("tx build alice --unjail", 4, "no_stake");

    for _ in 0..2 {
        testnet.told("send alice bob 1");
    }
    let history = testnet.told("account history alice --limit 1");
    assert_eq!(history["transactions"].as_array().map(Vec::len), Some(1));
    let load = testnet.told("load --rate 10 --duration 1s --accounts 2");
    assert_eq!(
        (&load["sent"], &load["final"]),
        (&10.into(), &10.into()),
        "{load}"
    );

    let plain = testnet.ok(&["status", "--color", "never"]);
    let mut colored = testnet.command(&["status", "--color", "always"]);
    let colored = colored.env_remove("NO_COLOR").output().expect("it starts");
    assert!(!plain.contains('\u{1b}'));
    assert!(String::from_utf8_lossy(&colored.stdout).contains('\u{1b}'));

    let config = testnet.home().join("carol.toml");
    testnet.told("key new carol");
    let key = testnet.home().join("data/starling/keys/carol.toml");
    fs::write(&config, format!("validator_key = {:?}\n", key)).expect("room");
    let bond = format!(
        "stake bond 200000 --from alice --node-config {}",
        config.display()
    );
    assert_eq!(testnet.told(&bond)["status"], "final");

    testnet.ok(&["testnet", "stop"]);
    assert_eq!(testnet.told("db check n1 --quick")["depth"], "quick");
    let pruned = testnet.told("db prune n1 --keep 2048");
    assert_eq!(pruned["blocks"], 0);
    // Which node did not answer, and why.
    let silent = |flag: &[&str]| {
        let output = testnet.run(&[&["status"], flag].concat());
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).lines().count()
    };
    assert!(silent(&["--verbose"]) > silent(&[]));
    let asked = testnet.run(&["testnet", "clean", "--no-input"]);
    assert_eq!(asked.status.code(), Some(2));
}

/// What a node says until it ends: when it is ready its standard input is closed, and so
/// `--exit-with-parent` ends it; at once where it says errors only.
fn run(testnet: &Testnet, flags: &[&str]) -> Vec<String> {
    let run = ["node", "run", "--config", "node.toml", "--exit-with-parent"];
    let mut command = testnet.command(&[&run[..], flags].concat());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut parent = child.stdin.take().filter(|_| !flags.contains(&"error"));
    let told = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut lines = Vec::new();
    for line in told.lines().map(|line| line.expect("text")) {
        if line.contains("ready") {
            parent = None;
        }
        lines.push(line);
    }
    drop(parent);
    assert!(child.wait().expect("it ends").success());
    lines
}

#[test]
fn flags_of_a_node() {
    let testnet = Testnet::new();
    let genesis = concat!(env!("CARGO_MANIFEST_DIR"), "/../genesis/local.toml");
    let text = format!(
        "genesis = {genesis:?}\ndata_dir = \"node\"\nlisten = \"127.0.0.1:0\"\n\
         http = \"127.0.0.1:0\"\n"
    );
    fs::write(testnet.home().join("node.toml"), text).expect("room");
    let says = |lines: &[String], word: &str| lines.iter().any(|line| line.contains(word));
    assert!(says(&run(&testnet, &[]), "ready"));
    assert!(run(&testnet, &["--log", "error"]).is_empty());
    let dropped = run(&testnet, &["--history-index", "false"]);
    assert!(
        says(&dropped, "the index of histories was dropped"),
        "{dropped:?}"
    );
    // A snapshot at the end of each epoch: of a chain without a block there is none to make, and
    // the folder shows that it was asked for.
    run(&testnet, &["--snapshot-epochs", "1"]);

    let key = SecretKey::local("known by");
    let hex: String = key
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = format!(
        "version = 1\nnetwork = \"local\"\npublic_key = \"{}\"\nsecret_key = \"{hex}\"\n",
        key.public_key()
    );
    fs::write(testnet.home().join("own.key"), file).expect("room");
    fs::remove_file(testnet.home().join("node/node.key")).expect("it made one");
    run(&testnet, &["--node-key", "own.key"]);
    assert!(!testnet.home().join("node/node.key").exists());

    let nothing = ["node", "run", "--config", "node.toml", "--sign-at-once"];
    let output = testnet.run(&nothing);
    assert_eq!(output.status.code(), Some(2));
    let watched = run(&testnet, &["--validator-key", "own.key", "--sign-at-once"]);
    assert!(says(&watched, "validator=true"), "{watched:?}");
}
