//! `starling db` on real nodes: what it checks, removes, goes back to and copies, and what it never
//! touches.

use std::fs;

use starling_tests::testnet::{Testnet, wait_for};

/// Waits until a node has this block.
fn reach(testnet: &Testnet, node: &str, height: u64) {
    wait_for("a height", || {
        (testnet.height_of(node) >= height).then_some(())
    });
}

#[test]
fn a_validator_that_was_rolled_back_catches_up_and_signs_nothing_twice() {
    let testnet = Testnet::up(4);
    for amount in ["1", "2", "3", "4"] {
        testnet.ok(&["send", "alice", "bob", amount]);
    }
    let (code, locked) = testnet.envelope(&["db", "check", "n2"]);
    assert_eq!(code, 75, "{locked}");
    testnet.ok(&["testnet", "kill", "n2"]);
    let guard = fs::read(testnet.data_of("n2").join("sign-guard")).expect("a guard");
    let checked = testnet.data(&["db", "check", "n2"]);
    let tip = checked["tip"].as_u64().expect("a height");
    assert_eq!(checked["first"], 1);
    let back = testnet.data(&["db", "rollback", "n2", "--blocks", "2"]);
    assert_eq!(back["tip"].as_u64(), Some(tip - 2), "{back}");
    let checked = testnet.data(&["db", "check", "n2", "--full"]);
    assert_eq!(checked["tip"].as_u64(), Some(tip - 2), "{checked}");
    // Built anew below a block that the others vouch for, and not below another one.
    let hash = testnet.block_of("n1", tip - 2)["hash"].clone();
    let hash = hash.as_str().expect("a hash");
    let checkpoint = format!("{}:{hash}", tip - 2);
    let built = testnet.data(&["db", "resync", "n2", "--checkpoint", &checkpoint]);
    assert_eq!(built["tip"].as_u64(), Some(tip - 2), "{built}");
    let other = format!("{}:{hash}", tip - 3);
    let (code, refused) = testnet.envelope(&["db", "resync", "n2", "--checkpoint", &other]);
    assert_eq!(
        (code, &refused["error"]["code"]),
        (9, &"checkpoint".into()),
        "{refused}"
    );
    let kept = fs::read(testnet.data_of("n2").join("sign-guard")).expect("a guard");
    assert_eq!(kept, guard, "the guard was touched");
    testnet.ok(&["testnet", "start", "n2", "--timeout", "60s"]);
    reach(&testnet, "n2", tip + 2);
    testnet.ok(&["send", "bob", "alice", "1"]);
    testnet.same_head(&["n1", "n2", "n3", "n4"]);
    for node in ["n1", "n2", "n3", "n4"] {
        let offences = testnet.metric_of(node, "starling_consensus_offences_total");
        assert_eq!(offences, Some(0), "{node} saw a double signature");
    }
    testnet.stop();

    // Without its guard it may not go back.
    fs::remove_file(testnet.data_of("n3").join("sign-guard")).expect("a guard");
    let (code, refused) = testnet.envelope(&["db", "rollback", "n3", "--blocks", "1"]);
    assert_eq!(code, 77, "{refused}");
    let tip = testnet.data(&["db", "stats", "n4"])["tip"].as_u64();
    let too_far = tip.expect("a height").to_string();
    let (code, refused) = testnet.envelope(&["db", "rollback", "n4", "--blocks", &too_far]);
    assert_eq!(code, 2, "{refused}");
}

#[test]
fn a_backup_of_a_running_node_is_whole_and_holds_no_secret() {
    let testnet = Testnet::up(4);
    testnet.ok(&["send", "alice", "bob", "5"]);
    let folder = testnet.home().join("monday");
    let path = folder.to_str().expect("plain text");
    let made = testnet.data(&["db", "backup", path, "n1"]);
    let height = made["height"].as_u64().expect("a height");
    let (code, again) = testnet.envelope(&["db", "backup", path, "n1"]);
    assert_eq!(code, 2, "it is not empty: {again}");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the backup")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["README", "genesis.toml", "ledger"]);
    let checked = testnet.data(&["db", "check", "--data-dir", path, "--full"]);
    assert!(checked["tip"].as_u64() >= Some(height), "{checked}");
    // The node goes on, and what it writes does not reach the copy.
    testnet.ok(&["send", "alice", "bob", "6"]);
    let later = testnet.data(&["db", "stats", "--data-dir", path]);
    assert_eq!(later["tip"], checked["tip"]);
    testnet.stop();
    let (code, refused) = testnet.envelope(&["db", "backup", "elsewhere", "n1"]);
    assert_eq!(code, 3, "no node runs: {refused}");
}

#[test]
fn folders_that_are_none_are_refused_and_not_made() {
    let testnet = Testnet::new();
    for command in ["check", "stats", "resync"] {
        let (code, refused) = testnet.envelope(&["db", command, "--data-dir", "nowhere"]);
        assert_eq!(code, 78, "{refused}");
        assert!(!testnet.home().join("nowhere").exists());
        let (code, refused) = testnet.envelope(&["db", command]);
        assert_eq!(code, 2, "{refused}");
    }
    let genesis = testnet.home().join("genesis.toml");
    let genesis = genesis.to_str().expect("plain text");
    testnet.ok(&["genesis", "new", "--output", genesis]);
    let few = ["node", "run", "--genesis", genesis, "--keep-blocks", "10"];
    let ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let refused = testnet.run(&[&few[..], &ports, &["--data-dir", "few"]].concat());
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(78), "{words}");
    assert!(words.contains("200"), "{words}");
}
