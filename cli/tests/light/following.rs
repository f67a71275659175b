//! Answers are believed along changing validators, and never behind what was seen.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use starling_ledger::genesis::local_account;
use starling_ledger::light::Checkpoint;

use super::chain::{Chain, FOUNDERS, HEIRS, genesis};
use super::home::{Home, Said};
use super::node::Server;

const MINUTE_MS: u64 = 60 * 1000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const SHOW: &[&str] = &["account", "show", "alice"];

fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_millis()).expect("a small number")
}

/// A chain whose last block is a minute old; blocks are `step_ms` apart.
fn chain(step_ms: u64, epochs: &[&[&str]]) -> Chain {
    let count = 10 * u64::try_from(epochs.len()).expect("few");
    let birth_ms = now_ms() - MINUTE_MS - count * step_ms;
    Chain::new(genesis(birth_ms), step_ms, epochs, Vec::new())
}

fn refused(said: &Said, code: &str) {
    assert_eq!(
        (said.exit, &said.told["code"]),
        (9, &json!(code)),
        "{said:?}"
    );
}

#[test]
fn a_balance_is_verified_after_the_validators_changed() {
    let chain = chain(MINUTE_MS, &[FOUNDERS, HEIRS, FOUNDERS, HEIRS]);
    let genesis = chain.genesis.clone();
    let (home, server) = (Home::new(&genesis), Server::start(chain));
    for _ in 0..2 {
        let said = home.ask(&server, SHOW);
        assert_eq!(
            (said.exit, &said.told["verified"]),
            (0, &json!(true)),
            "{said:?}"
        );
        assert_eq!(said.told["balance_base"], json!(1_000_000_000_000u64));
        assert!(home.memory(&genesis, "head").exists());
    }
    let nobody = local_account("carol").to_address(genesis.kind);
    let said = home.ask(&server, &["account", "show", &nobody]);
    assert_eq!(
        (said.exit, &said.told["exists"]),
        (0, &json!(false)),
        "{said:?}"
    );
}

#[test]
fn an_older_state_than_was_seen_is_refused_in_words() {
    let chain = chain(MINUTE_MS, &[FOUNDERS, HEIRS, HEIRS]);
    let (home, server) = (Home::new(&chain.genesis), Server::start(chain));
    assert_eq!(home.ask(&server, SHOW).exit, 0);
    for height in [25, 5] {
        server.go_back(height);
        let said = home.ask(&server, &[SHOW, &["--timeout", "100ms"]].concat());
        // Who is behind does not lie.
        assert_eq!(
            (said.exit, &said.told["code"]),
            (1, &json!("behind")),
            "{said:?}"
        );
        let message = said.told["message"].as_str().expect("words");
        let words = format!("as of block {height}, ");
        assert!(
            message.contains(&words) && message.contains(" min old"),
            "{message}"
        );
        assert!(message.contains("verified block 30 before"), "{message}");
    }
    server.go_back(30);
    assert_eq!(home.ask(&server, SHOW).exit, 0);
}

#[test]
fn a_damaged_memory_is_set_aside_with_a_warning_that_nothing_silences() {
    let chain = chain(MINUTE_MS, &[FOUNDERS, HEIRS]);
    let genesis = chain.genesis.clone();
    let (home, server) = (Home::new(&genesis), Server::start(chain));
    assert_eq!(home.ask(&server, SHOW).exit, 0);
    let memory = home.memory(&genesis, "head");
    let mut bytes = fs::read(&memory).expect("a memory");
    bytes[40] ^= 1;
    fs::write(&memory, &bytes).expect("a damaged memory");
    let said = home.ask(&server, &[SHOW, &["--quiet"]].concat());
    assert_eq!(said.exit, 0, "{said:?}");
    assert!(
        said.notes.contains("begins at the genesis again"),
        "{}",
        said.notes
    );
    let aside = fs::read(home.memory(&genesis, "damaged")).expect("set aside");
    assert_eq!(aside, bytes);
    let again = home.ask(&server, SHOW);
    assert_eq!(
        (again.exit, again.notes.contains("genesis again")),
        (0, false)
    );
}

#[test]
fn former_validators_cannot_fool_who_has_seen_the_chain() {
    let true_chain = chain(MINUTE_MS, &[FOUNDERS, HEIRS, HEIRS]);
    let genesis = true_chain.genesis.clone();
    let forged = Chain::new(genesis.clone(), MINUTE_MS / 2, &[FOUNDERS; 5], Vec::new());
    let home = Home::new(&genesis);
    let (honest, liar) = (Server::start(true_chain), Server::start(forged));
    assert_eq!(home.ask(&honest, SHOW).exit, 0);
    let said = home.ask(&liar, SHOW);
    assert_eq!(said.exit, 9, "{said:?}");
    assert_eq!(home.ask(&honest, SHOW).exit, 0);
}

#[test]
fn two_certified_blocks_of_one_height_are_written_down() {
    let genesis = genesis(now_ms() - 60 * MINUTE_MS);
    let one = Chain::new(genesis.clone(), MINUTE_MS, &[FOUNDERS], Vec::new());
    let other = Chain::new(genesis.clone(), MINUTE_MS + 1, &[FOUNDERS], Vec::new());
    let home = Home::new(&genesis);
    let (one, other) = (Server::start(one), Server::start(other));
    assert_eq!(home.ask(&one, SHOW).exit, 0);
    let said = home.ask(&other, SHOW);
    refused(&said, "conflict");
    let written = home.memory(&genesis, "conflict-10.json");
    let written = fs::read_to_string(written).expect("evidence");
    assert!(written.contains("other_certificate"), "{written}");
}

#[test]
fn an_old_genesis_asks_for_a_checkpoint_once_its_validators_have_left() {
    // 40 blocks over 80 days: the founders left 60 days ago.
    let chain = chain(2 * DAY_MS, &[FOUNDERS, HEIRS, FOUNDERS, HEIRS]);
    let genesis = chain.genesis.clone();
    let recent = Checkpoint::of(&chain.headers[38]);
    let old = Checkpoint::of(&chain.headers[24]);
    let (home, server) = (Home::new(&genesis), Server::start(chain));
    let said = home.ask(&server, SHOW);
    refused(&said, "expired");
    let next = said.told["next"].as_str().expect("what to do");
    assert!(next.contains("--checkpoint"), "{next}");
    let with = |given: String| home.ask(&server, &[SHOW, &["--checkpoint", &given]].concat());
    refused(&with(old.to_string()), "expired");
    let wrong = format!("{}:{}", recent.height, old.hash);
    refused(&with(wrong), "checkpoint");
    assert_eq!(with(recent.to_string()).exit, 0);
    // From then on it is remembered.
    assert_eq!(home.ask(&server, SHOW).exit, 0);
    assert_eq!(home.run(&["status", "--checkpoint", "7"]).exit, 2);
}
