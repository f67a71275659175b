//! Clocks that are wrong: those of real processes are put forward by a library that is loaded
//! before the system's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use starling_tests::testnet::{Testnet, wait_for};

use crate::places::{Hand, Places, Running, genesis_of, listen_at, listen_of};

/// Answers for the time of day; the time for timers stays as it is.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static long ahead_ms = -1;
    long done = syscall(SYS_clock_gettime, clock, time);
    if (done == 0 && clock == CLOCK_REALTIME) {
        if (ahead_ms == -1) {
            const char *text = getenv("CLOCK_AHEAD_MS");
            ahead_ms = text ? atol(text) : 0;
        }
        long long ns = time->tv_nsec + ahead_ms % 1000 * 1000000LL;
        time->tv_sec += ahead_ms / 1000 + ns / 1000000000LL;
        time->tv_nsec = ns % 1000000000LL;
    }
    return (int)done;
}
"#;

fn library(testnet: &Testnet) -> PathBuf {
    let source = testnet.home().join("shifted.c");
    let library = testnet.home().join("shifted.so");
    fs::write(&source, SHIFTED).expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]);
    let built = compiler.arg(&library).arg(&source).status();
    assert!(built.expect("a C compiler").success());
    library
}

/// Runs a validator of the testnet, which was killed, on a machine whose clock is ahead.
fn validator(testnet: &Testnet, node: &str, peers: &[String], ahead_ms: i64) -> Running {
    let peers: Vec<_> = peers.iter().map(String::as_str).collect();
    let hand = Hand::validator(testnet, node, &peers);
    hand.with_clock(&library(testnet), ahead_ms).start(testnet)
}

#[test]
fn a_genesis_of_tomorrow_is_waited_for() {
    let testnet = Testnet::up(2);
    testnet.stop();
    let text = fs::read_to_string(genesis_of(&testnet)).expect("a genesis");
    let now = text.lines().find(|line| line.starts_with("time_ms"));
    let (_, now) = now.expect("a time").split_once(" = ").expect("a time");
    let tomorrow = now.parse::<u64>().expect("a number") + 24 * 60 * 60 * 1_000;
    let genesis = testnet.home().join("tomorrow.toml");
    fs::write(&genesis, text.replace(now, &tomorrow.to_string())).expect("a file");
    let start = |node: &str, peers: &[&str]| {
        let key = testnet.folder().join(node).join("validator.key");
        let key = key.to_str().expect("UTF-8");
        let hand = Hand::new(node, &genesis, peers).with(&["--validator-key", key]);
        hand.start(&testnet)
    };
    let first = start("n1", &[]);
    let peer = listen_at(&testnet, first.url());
    let hand = start("n2", &[&peer]);
    let early = Places::by_hand(&testnet, &hand);
    early.shows("CLOCK", 1, 5);
    let log = early.log();
    for words in [
        "the genesis is",
        "ahead of this clock",
        "the next block comes in",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[test]
fn a_clock_that_is_five_seconds_fast_is_named_on_both_sides() {
    let testnet = Testnet::up(4);
    let others: Vec<_> = ["n1", "n2", "n4"]
        .map(|node| listen_of(&testnet, node))
        .into();
    testnet.ok(&["testnet", "kill", "n3"]);
    let hand = validator(&testnet, "n3", &others, 5_000);
    let fast = Places::by_hand(&testnet, &hand);
    fast.shows_and_pays("CLOCK");
    assert!(
        fast.log().contains("this clock is 5.0 s ahead of those of"),
        "{}",
        fast.log()
    );
    let n1 = Places::of(&testnet, "n1");
    wait_for("a proposal of the fast one", || {
        testnet.told("send alice bob 1");
        n1.log().contains("the clock of n3 is").then_some(())
    });
    n1.shows_and_pays("CLOCK");
    let refused = testnet.metric_of("n1", "starling_proposals_refused_total{reason=\"clock\"}");
    assert!(refused.is_some_and(|count| count > 0), "{refused:?}");
    let peers = testnet.told("peers");
    let clocks = peers["peers"].as_array().expect("a list").iter();
    let mut clocks = clocks.filter_map(|peer| peer["clock_ahead_ms"].as_i64());
    assert!(clocks.any(|ms| (4_000..6_000).contains(&ms)), "{peers}");
}
