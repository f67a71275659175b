//! Validators are killed (kill -9) one after the other while payments run: each comes back from its
//! own folder, nothing is lost, nobody signs twice.
//!
//! `STARLING_KILLS` says how often, `STARLING_SEED` which of the endless orders.

use std::thread;
use std::time::Duration;

use starling_tests::audit::Audit;
use starling_tests::campaign::{draw, setting};
use starling_tests::testnet::{Testnet, wait_for};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// Kills when nothing is said.
const KILLS: u64 = 5;
/// Payments that run meanwhile, at a hundred a second.
const PAYMENTS_PER_KILL: u64 = 400;
/// More transactions than fund the accounts of the payments.
const FUNDING: u64 = 50;
/// Longest time a node stays away.
const AWAY_MS: u64 = 2_000;
/// Blocks that may become final between two readings of one status.
const SLACK: u64 = 3;

#[test]
fn killed_validators_come_back_from_their_own_folders() {
    let kills = setting("STARLING_KILLS", KILLS);
    let seed = setting("STARLING_SEED", 1);
    let testnet = Testnet::up(NODES.len());
    let (paid, tally) = thread::scope(|scope| {
        let load = scope.spawn(|| pay(&testnet, kills * PAYMENTS_PER_KILL));
        wait_for("the payments to run", || {
            let paid = testnet.metric_of("n1", "starling_transactions_final_total")?;
            (paid > FUNDING).then_some(())
        });
        let campaign = (0..kills).map(|number| kill(&testnet, seed, number));
        let tally: Vec<_> = campaign.collect();
        (load.join().expect("the payments end well"), tally)
    });
    testnet.same_head(&NODES);
    for node in NODES {
        assert_eq!(offences(&testnet, node), 0, "{node} saw a double signature");
    }
    testnet.stop();
    let audits = Audit::of_all(&testnet, &NODES);
    let length = Audit::agree(&audits);
    for (node, audit) in NODES.iter().zip(&audits) {
        let transactions = u64::try_from(audit.transactions.len()).expect("a count");
        assert!(transactions >= paid, "{node}: {transactions} of {paid}");
        let log = testnet.log_of(node);
        assert!(!log.contains("panicked"), "{node}: {log}");
    }
    let fetched: u64 = tally.iter().map(|back| back.fetched).sum();
    let missed: u64 = tally.iter().map(|back| back.missed).sum();
    println!(
        "{kills} kills, {length} blocks, {paid} payments final once; \
         {fetched} blocks fetched of {missed} missed"
    );
}

/// How a node came back.
struct Back {
    /// Blocks it fetched from others.
    fetched: u64,
    /// Blocks between the last it had before, and the first look after.
    missed: u64,
}

/// Kills one node, starts it again, and says how it came back.
fn kill(testnet: &Testnet, seed: u64, number: u64) -> Back {
    let victim = usize::try_from(draw(seed, number, "victim")).expect("64 bits") % NODES.len();
    let node = NODES[victim];
    let witness = NODES[(victim + 1) % NODES.len()];
    thread::sleep(Duration::from_millis(draw(seed, number, "pause") % 500));
    assert_eq!(offences(testnet, node), 0, "{node} saw a double signature");
    let own = testnet.height_of(node);
    testnet.ok(&["testnet", "kill", node]);
    thread::sleep(Duration::from_millis(draw(seed, number, "away") % AWAY_MS));
    testnet.ok(&["testnet", "start", node, "--timeout", "60s"]);
    let status = wait_for("the node to sign again", || {
        let status = testnet.status_of(node)?;
        let signs = status["node"]["signing"] == true && status["syncing"] == false;
        signs.then_some(status)
    });
    assert_eq!(status["unclean_start"], true, "{status}");
    let fetched = status["blocks_fetched"].as_u64().expect("a count");
    let height = status["height"].as_u64().expect("a height");
    assert!(height >= own, "{node} had {own} and now has {height}");
    let missed = height - own;
    assert!(
        fetched <= missed + SLACK,
        "{node} had {own} of {height} and fetched {fetched}"
    );
    testnet.same_head(&NODES);
    wait_for("the others to hear its votes", || {
        let status = testnet.status_of(witness)?;
        let validators = status["consensus"]["validators"].as_array()?;
        let entry = validators.iter().find(|one| one["name"] == node)?;
        (entry["present"] == true).then_some(())
    });
    Back { fetched, missed }
}

/// Sends payments at a moderate rate; all of them have to become final.
fn pay(testnet: &Testnet, count: u64) -> u64 {
    let count = count.to_string();
    let load = [
        "load",
        "--rate",
        "100",
        "--accounts",
        "16",
        "--count",
        &count,
    ];
    let report = testnet.data(&load);
    assert_eq!(report["final"], report["sent"], "{report}");
    println!("{report}");
    report["final"].as_u64().expect("a count")
}

fn offences(testnet: &Testnet, node: &str) -> u64 {
    wait_for("the metrics", || {
        testnet.metric_of(node, "starling_consensus_offences_total")
    })
}
