//! Campaigns: many payments at once, and payments while nodes are killed and answers are lost.
//!
//! `STARLING_SENDS` and `STARLING_ROUNDS` say how many, `STARLING_SEED` which of the endless orders
//! of kills and losses (`make sends`: 200 at once in 5 rounds, 500 through kills and losses).

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use starling_tests::audit::Audit;
use starling_tests::campaign::{draw, setting};
use starling_tests::proxy::{Call, Fault, Proxy};
use starling_tests::testnet::Testnet;

use super::{balances, id};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// Payments at once, and through kills and losses, when nothing is said.
const SENDS: u64 = 24;
/// Rounds when nothing is said.
const ROUNDS: u64 = 2;
/// Commands that send at a time while nodes are killed.
const SENDERS: usize = 4;
/// Of a hundred requests, how many meet with a fault.
const FAULTS: u64 = 15;
/// Longest time a node stays away.
const AWAY_MS: u64 = 1_500;

#[test]
fn payments_sent_at_once_all_become_final_each_once() {
    let (sends, rounds) = (
        setting("STARLING_SENDS", SENDS),
        setting("STARLING_ROUNDS", ROUNDS),
    );
    let testnet = Testnet::up(NODES.len());
    let mut ids = BTreeSet::new();
    let mut signed_again = 0;
    let before = balances(&testnet);
    for round in 0..rounds {
        let started: Vec<_> = (0..sends)
            .map(|number| {
                let memo = format!("{round}.{number}");
                let mut command = testnet.command(&["send", "alice", "bob", "1", "--memo", &memo]);
                command
                    .arg("--json")
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                command.spawn().expect("the binary starts")
            })
            .collect();
        for child in started {
            let output = child.wait_with_output().expect("an end");
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
            assert_eq!(output.status.code(), Some(0), "{envelope} {words}");
            assert_eq!(envelope["data"]["status"], "final", "{envelope}");
            assert!(
                ids.insert(id(&envelope)),
                "two commands name one payment: {envelope}"
            );
            signed_again += words.matches("signed again").count();
        }
    }
    let count = sends * rounds;
    assert_eq!(ids.len() as u64, count);
    assert_eq!(balances(&testnet)[1], before[1] + count * 1_000_000);
    println!("{count} payments at once in {rounds} rounds: all final, {signed_again} signed again");
}

/// Machines that know nothing of each other take each other's nonces, and mean the same.
#[test]
fn the_same_payment_of_several_machines_is_paid_for_each() {
    let testnet = Testnet::up(NODES.len());
    let before = balances(&testnet);
    let sends = 12;
    let started: Vec<_> = (0..sends)
        .map(|number| {
            let folder = testnet.home().join(format!("machine {number}"));
            let url = testnet.url_of(NODES[number % NODES.len()]).expect("a node");
            let mut command =
                testnet.command(&["send", "alice", "bob", "1", "--json", "--node", &url]);
            command.arg("--data-dir").arg(folder);
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().expect("the binary starts")
        })
        .collect();
    let mut ids = BTreeSet::new();
    for child in started {
        let output = child.wait_with_output().expect("an end");
        let envelope: Value = serde_json::from_slice(&output.stdout).expect("one envelope");
        assert_eq!(output.status.code(), Some(0), "{envelope}");
        assert!(
            ids.insert(id(&envelope)),
            "two commands name one payment: {envelope}"
        );
    }
    let paid = u64::try_from(sends).expect("few");
    assert_eq!(balances(&testnet)[1], before[1] + paid * 1_000_000);
}

/// How one payment was told.
#[derive(Clone, Debug)]
struct Told {
    memo: String,
    exit: i32,
    envelope: Value,
}

#[test]
fn payments_through_kills_and_losses_are_told_as_what_they_are() {
    let sends = setting("STARLING_SENDS", SENDS);
    let seed = setting("STARLING_SEED", 1);
    let testnet = Testnet::up(NODES.len());
    let proxies: Vec<_> = NODES
        .iter()
        .zip(0..)
        .map(|(node, number)| {
            let url = testnet.url_of(node).expect("a node");
            Proxy::before(&url, move |call| fault(seed, number, call))
        })
        .collect();
    let (next, told) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let (is_over, kills) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= sends {
                            return;
                        }
                        let answer = send(&testnet, &proxies, (seed, number));
                        told.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(answer);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                kill(&testnet, seed, kills.fetch_add(1, Ordering::SeqCst));
            }
        });
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(ends.iter().all(Result::is_ok), "a sender failed");
    });
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    testnet.same_head(&NODES);
    testnet.stop();
    let audits = Audit::of_all(&testnet, &NODES);
    Audit::agree(&audits);
    let tally = judge(&told, &audits[0]);
    let kills = kills.load(Ordering::SeqCst);
    println!(
        "{sends} payments, {kills} kills, one request of {} spoiled: {tally:?}",
        100 / FAULTS
    );
}

/// Compares what was told with what is on the ledger.
fn judge(told: &[Told], audit: &Audit) -> BTreeMap<&'static str, usize> {
    let mut tally = BTreeMap::new();
    for one in told {
        let paid = audit.memos.get(&one.memo).copied().unwrap_or(0);
        assert!(paid <= 1, "paid {paid} times: {one:?}");
        let code = one.envelope["error"]["code"].as_str().unwrap_or_default();
        let word = match (one.exit, code) {
            (0, _) => {
                assert_eq!(paid, 1, "told as final: {one:?}");
                "final"
            }
            (4, "expired") => {
                assert_eq!(paid, 0, "told as expired: {one:?}");
                "expired"
            }
            (4, _) => {
                assert_eq!(paid, 0, "told as rejected: {one:?}");
                "rejected"
            }
            (5 | 6, _) => {
                id(&one.envelope);
                "unknown"
            }
            (3, _) => {
                assert_eq!(paid, 0, "told as not sent: {one:?}");
                "not sent: nobody answered"
            }
            _ => panic!("no such end: {one:?}"),
        };
        *tally.entry(word).or_default() += 1;
    }
    tally
}

fn send(testnet: &Testnet, proxies: &[Proxy], (seed, number): (u64, u64)) -> Told {
    let memo = format!("payment {number}");
    let first = usize::try_from(draw(seed, number, "node")).expect("64 bits");
    let [one, other] = [0, 1].map(|next| proxies[(first + next) % proxies.len()].url());
    let url = format!("{one},{other}");
    let send = ["send", "alice", "bob", "1", "--memo", &memo, "--node", &url];
    let (exit, envelope) = testnet.envelope(&[&send[..], &["--expires", "60s"]].concat());
    Told {
        memo,
        exit,
        envelope,
    }
}

fn fault(seed: u64, proxy: u64, call: &Call) -> Fault {
    let number = call.number * 16 + proxy;
    if draw(seed, number, "whether") % 100 >= FAULTS {
        return Fault::None;
    }
    let time = Duration::from_millis(draw(seed, number, "time") % 2_000);
    match draw(seed, number, "which") % 7 {
        0 => Fault::LoseRequest,
        1 => Fault::LoseAnswer,
        2 => Fault::CutAnswer,
        3 => Fault::BadGateway,
        4 => Fault::Garbage,
        5 => Fault::Late(time),
        _ => Fault::Slow(time),
    }
}

/// Kills one node, and starts it again after a moment; one at a time, so that the network goes on.
fn kill(testnet: &Testnet, seed: u64, number: u64) {
    let victim = usize::try_from(draw(seed, number, "victim")).expect("64 bits") % NODES.len();
    thread::sleep(Duration::from_millis(draw(seed, number, "pause") % 700));
    testnet.ok(&["testnet", "kill", NODES[victim]]);
    thread::sleep(Duration::from_millis(draw(seed, number, "away") % AWAY_MS));
    testnet.ok(&["testnet", "start", NODES[victim], "--timeout", "60s"]);
}
