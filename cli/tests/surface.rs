//! What scripts rely on: envelopes on stdout, exit codes, private files. No node is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A home of its own for each test.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starling"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .current_dir(self.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs a line of words with `--json`, which has to succeed, and returns the data.
    fn ok(&self, line: &str) -> Value {
        let words: Vec<_> = line.split_whitespace().collect();
        let (code, envelope) = self.json(&words);
        assert_eq!(code, 0, "{line}: {envelope}");
        envelope["data"].clone()
    }

    /// Runs with `--json`; stdout has to be one envelope whose exit code is the process's own.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let code = output.status.code().expect("an exit code");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        let envelope: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(envelope["v"], 1);
        if envelope["ok"] == false {
            assert_eq!(envelope["error"]["exit"], code, "{envelope}");
            assert!(envelope["error"]["code"].is_string(), "{envelope}");
            assert!(envelope["error"]["message"].is_string(), "{envelope}");
        }
        (code, envelope)
    }
}

#[test]
fn help_and_version_go_to_stdout_and_are_no_errors() {
    let home = Home::new();
    let help = home.run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).expect("UTF-8");
    assert!(
        text.contains("Examples:") && text.contains("Exit codes: 0 "),
        "{text}"
    );
    let version = home.run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(version.stdout.starts_with(b"starling "));
}

#[test]
fn a_result_that_cannot_be_written_ends_with_74_and_a_reader_that_left_does_not() {
    let home = Home::new();
    let full = || {
        fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full")
    };
    for line in [
        &["--help"][..],
        &["--version"],
        &["key", "new", "carol"],
        &["key", "list"],
        &["key", "list", "--json"],
        &["genesis", "new"],
    ] {
        let output = home.command(line).stdout(full()).output();
        let output = output.expect("the binary starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{line:?}: {told}");
        assert!(told.contains("its result cannot be written"), "{told}");
    }
    // What failed anyhow keeps its own code.
    let output = home
        .command(&["key", "show", "nobody", "--json"])
        .stdout(full())
        .output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(8));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = home.command(&["key", "list"]).stdout(writer).output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(0));
}

#[test]
fn wrong_command_lines_are_usage_errors_in_words_and_in_json() {
    let home = Home::new();
    for arguments in [
        &["sned"][..],
        &["send", "alice"],
        &["block", "--colour"],
        &[],
    ] {
        let (code, envelope) = home.json(arguments);
        assert_eq!(
            (code, &envelope["ok"]),
            (2, &Value::Bool(false)),
            "{arguments:?}"
        );
        let plain = home.run(arguments);
        assert_eq!(plain.status.code(), Some(2), "{arguments:?}");
        assert!(
            plain.stdout.is_empty() && !plain.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn commands_for_a_node_say_that_there_is_none() {
    let home = Home::new();
    for arguments in [
        &["status"][..],
        &["account", "show", "alice"],
        &["block"],
        &["validators"],
        &["peers"],
        &["send", "alice", "bob", "1"],
        &["send", "alice", "--batch", "rows.csv"],
        &["record", "add", "--from", "alice", &"0".repeat(64)],
        &["record", "show", "alice", &"0".repeat(64)],
        &["account", "set-authority", "alice", "--key", "bob", "--yes"],
        &["tx", "show", &"0".repeat(64)],
        &["tx", "build", "alice", "--pay", "bob", "1"],
        &["tx", "submit", "rent.toml"],
        &["stake", "list"],
        &["stake", "unbond", "all", "--from", "alice"],
        &["stake", "unjail", "--from", "alice"],
        &["load"],
        &["testnet", "status"],
        &["testnet", "kill", "n1"],
        &["testnet", "stop"],
    ] {
        let (code, envelope) = home.json(arguments);
        assert_eq!(code, 3, "{arguments:?}: {envelope}");
        let next = envelope["error"]["next"].as_str().expect("what to do next");
        assert!(
            next.contains("starling testnet up"),
            "{arguments:?}: {next}"
        );
    }
    let (code, _) = home.json(&["status", "--node", "http://127.0.0.1:1"]);
    assert_eq!(code, 3);
    let (code, _) = home.json(&["status", "--node", "https://example.org/x"]);
    assert_eq!(code, 2);
}

#[test]
fn keys_are_made_once_kept_private_and_listed() {
    let home = Home::new();
    let (code, made) = home.json(&["key", "new", "carol"]);
    assert_eq!(code, 0, "{made}");
    let address = made["data"]["address"].as_str().expect("an address");
    assert!(address.starts_with("starlocal1"));
    let file = home.path().join(".local/share/starling/keys/carol.toml");
    let mode = fs::metadata(&file)
        .expect("the key file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!made.to_string().contains("secret"));
    let (code, again) = home.json(&["key", "new", "carol"]);
    assert_eq!((code, &again["error"]["code"]), (8, &Value::from("key")));
    let (_, shown) = home.json(&["key", "show", "carol"]);
    assert_eq!(shown["data"]["address"], address);
    let (_, list) = home.json(&["key", "list"]);
    let names: Vec<_> = list["data"]["keys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| (key["name"].as_str().unwrap_or("?"), key["public"] == true))
        .collect();
    assert_eq!(names, [("carol", false), ("alice", true), ("bob", true)]);
    let plain = home.run(&["key", "list"]);
    let text = String::from_utf8(plain.stdout).expect("UTF-8");
    assert!(text.contains("(key is public)"), "{text}");
}

#[test]
fn keys_that_could_be_mistaken_are_refused() {
    let home = Home::new();
    for name in ["alice", "n1"] {
        let (code, envelope) = home.json(&["key", "new", name]);
        assert_eq!(code, 8, "{envelope}");
    }
    let (code, _) = home.json(&["key", "new", "../carol"]);
    assert_eq!(code, 2);
    let (code, envelope) = home.json(&["key", "new", "carol", "--network", "main"]);
    assert_eq!(code, 8);
    let message = envelope["error"]["message"].as_str().expect("words");
    assert!(message.contains("encrypted"), "{message}");
    let (code, _) = home.json(&["key", "show", "nobody"]);
    assert_eq!(code, 8);
}

#[test]
fn policies_have_one_address_whatever_the_order_of_their_keys() {
    let home = Home::new();
    let (code, board) = home.json(&[
        "multisig", "new", "2", "alice", "bob", "n1", "--name", "board",
    ]);
    assert_eq!(code, 0, "{board}");
    let (_, again) = home.json(&["multisig", "new", "2", "n1", "alice", "bob"]);
    assert_eq!(again["data"]["address"], board["data"]["address"]);
    assert_eq!(again["data"]["name"], "board", "it is known already");
    let policy = board["data"]["policy"].as_str().expect("a policy");
    assert!(
        policy.starts_with("2:") && policy.len() == 2 + 3 * 65 - 1,
        "{policy}"
    );
    let (_, other) = home.json(&["multisig", "new", "3", "alice", "bob", "n1"]);
    assert_ne!(other["data"]["address"], board["data"]["address"]);
    for (arguments, code) in [
        (&["multisig", "new", "0", "alice"][..], 2),
        (&["multisig", "new", "2", "alice"], 2),
        (&["multisig", "new", "1", "alice", "alice"], 2),
        (&["multisig", "new", "1", "nobody"], 8),
        (&["multisig", "new", "1", "alice", "--name", "board"], 8),
        (&["multisig", "new", "1", "alice", "--name", "bob"], 8),
        (&["multisig", "new", "1", &"00".repeat(32)], 2),
        (&["key", "new", "board"], 8),
    ] {
        let (found, envelope) = home.json(arguments);
        assert_eq!(found, code, "{arguments:?}: {envelope}");
    }
}

const BUILD: &str = "tx build board --pay bob 25 --memo rent --nonce 0 --fee 0.01 \
                     --genesis g.toml --output rent.toml";

/// A home with two networks, a policy, and a file to sign.
fn home_with_a_file() -> (Home, Value) {
    let home = Home::new();
    home.ok("genesis new --output g.toml");
    home.ok("genesis new --name garden --output garden.toml");
    home.ok("multisig new 2 alice bob n1 --name board");
    let built = home.ok(BUILD);
    (home, built)
}

#[test]
fn transactions_are_built_signed_and_combined_without_a_node() {
    let (home, built) = home_with_a_file();
    assert_eq!(built["signatures_needed"], 2);
    let text = fs::read_to_string(home.path().join("rent.toml")).expect("the file");
    let id = built["id"].as_str().expect("an id");
    for shown in ["pay 25 STAR to starlocal1", "memo = \"rent\"", id] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    for name in ["alice", "bob"] {
        let sign = format!("tx sign rent.toml --key {name} --genesis g.toml --yes");
        let signed = home.ok(&format!("{sign} --output {name}.toml"));
        assert_eq!(signed["complete"], false);
    }
    let combine = "multisig combine alice.toml bob.toml --genesis g.toml --output both.toml";
    let both = home.ok(combine);
    assert_eq!(
        (&both["complete"], &both["id"]),
        (&true.into(), &built["id"])
    );
}

#[test]
fn what_is_not_as_it_seems_is_not_signed() {
    let (home, _) = home_with_a_file();
    let text = fs::read_to_string(home.path().join("rent.toml")).expect("the file");
    let forged = text.replace("pay 25 STAR", "pay 2 STAR");
    fs::write(home.path().join("forged.toml"), forged).expect("a file");
    for (file, key, more, (code, word)) in [
        ("rent.toml", "alice", "--genesis g.toml", (2, "confirm")),
        (
            "rent.toml",
            "n2",
            "--genesis g.toml --yes",
            (8, "wrong_key"),
        ),
        ("rent.toml", "nobody", "--genesis g.toml --yes", (8, "key")),
        (
            "forged.toml",
            "alice",
            "--genesis g.toml --yes",
            (65, "shown_fields"),
        ),
        (
            "rent.toml",
            "alice",
            "--genesis garden.toml --yes",
            (7, "wrong_network"),
        ),
        ("rent.toml", "alice", "--yes", (78, "config")),
    ] {
        let line = format!("tx sign {file} --key {key} {more}");
        let words: Vec<_> = line.split_whitespace().collect();
        let (found, refusal) = home.json(&words);
        assert_eq!(
            (found, &refusal["error"]["code"]),
            (code, &word.into()),
            "{line}"
        );
    }
    let words: Vec<_> = BUILD.split_whitespace().collect();
    assert_eq!(home.json(&words).0, 2, "a file is never overwritten");
}

#[test]
fn files_are_signed_and_checked_apart_from_any_ledger() {
    let home = Home::new();
    fs::write(home.path().join("a.txt"), "a statement").expect("a file");
    fs::write(home.path().join("b.txt"), "another one").expect("a file");
    let (code, signed) = home.json(&["key", "sign", "alice", "a.txt"]);
    assert_eq!(code, 0, "{signed}");
    let signature = signed["data"]["signature"].as_str().expect("a signature");
    let public = signed["data"]["public_key"].as_str().expect("a key");
    for (key, file, code) in [
        ("alice", "a.txt", 0),
        (public, "a.txt", 0),
        ("alice", "b.txt", 9),
        ("bob", "a.txt", 9),
        ("nobody", "a.txt", 8),
        ("alice", "c.txt", 2),
    ] {
        let (found, envelope) = home.json(&["key", "verify", key, file, signature]);
        assert_eq!(found, code, "{key} {file}: {envelope}");
    }
    assert_eq!(home.json(&["key", "verify", "alice", "a.txt", "00"]).0, 2);
}

#[test]
fn genesis_is_made_checked_and_hashed() {
    let home = Home::new();
    let arguments = ["genesis", "new", "--validators", "7", "--output", "g.toml"];
    let (code, made) = home.json(&arguments);
    assert_eq!(code, 0, "{made}");
    let (_, checked) = home.json(&["genesis", "check", "g.toml"]);
    assert_eq!(checked["data"]["validators"], 7);
    let (_, hash) = home.json(&["genesis", "hash", "g.toml"]);
    assert_eq!(hash["data"]["hash"], made["data"]["hash"]);
    assert_eq!(checked["data"]["hash"], made["data"]["hash"]);
    let (code, _) = home.json(&arguments);
    assert_eq!(code, 2, "a genesis is never overwritten");
    let text = fs::read_to_string(home.path().join("g.toml")).expect("the genesis");
    fs::write(
        home.path().join("bad.toml"),
        format!("surprise = 1\n{text}"),
    )
    .expect("a file");
    let (code, envelope) = home.json(&["genesis", "check", "bad.toml"]);
    assert_eq!(code, 78);
    assert!(envelope.to_string().contains("surprise"), "{envelope}");
    let (code, _) = home.json(&["genesis", "check", "missing.toml"]);
    assert_eq!(code, 78);
    let (code, printed) = home.json(&["genesis", "new"]);
    assert_eq!(code, 0);
    assert!(printed["data"]["toml"].is_string());
}

#[test]
fn node_refuses_what_is_wrong_with_its_config() {
    let home = Home::new();
    let write = |text: &str| fs::write(home.path().join("node.toml"), text).expect("a file");
    let run = || home.json(&["node", "run", "--config", "node.toml"]);
    write("lisen = \"127.0.0.1:1\"\n");
    let (code, envelope) = run();
    assert_eq!(code, 78);
    assert_eq!(envelope["error"]["next"], "did you mean `listen`?");
    write("data_dir = \"data\"\n");
    assert_eq!(run().0, 78, "a node needs a genesis");
    write("genesis = \"missing.toml\"\ndata_dir = \"data\"\n");
    assert_eq!(run().0, 78);
    let (code, _) = home.json(&["node", "run", "--config", "missing.toml"]);
    assert_eq!(code, 78);
    assert!(!home.path().join("data").exists(), "nothing was written");
}

#[test]
fn reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut child = home
        .command(&["genesis", "new", "--validators", "64"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn quiet_prints_the_result_and_nothing_else() {
    let home = Home::new();
    let output = home.run(&["key", "new", "carol", "--quiet"]);
    assert!(output.stderr.is_empty());
    assert_eq!(
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .lines()
            .count(),
        1
    );
}

#[test]
fn testnet_that_does_not_exist_is_not_removed() {
    let home = Home::new();
    let (code, _) = home.json(&["testnet", "clean", "--yes"]);
    assert_eq!(code, 2);
    let (code, _) = home.json(&["testnet", "up", "--validators", "65"]);
    assert_eq!(code, 2);
    let (code, _) = home.json(&["testnet", "status", "--testnet", "../x"]);
    assert_eq!(code, 2);
}
