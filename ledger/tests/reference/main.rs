//! A long random history, executed here and by the naive ledger in `tests/python`: equal at the end
//! of every block.
//!
//! Signatures are left out on both sides: they are the matter of other tests, and without them a
//! hundred thousand transactions take seconds.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, writes the history to a file and starts another process"
)]

mod chance;
mod export;
mod network;
mod wishes;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use chance::Chance;
use export::Export;
use network::Network;
use wishes::Crowd;

/// Transactions that take effect: what the second opinion is asked about.
const APPLIED: usize = 100_000;
const CANDIDATES: usize = 700;

#[test]
fn a_hundred_thousand_random_transactions_end_as_in_the_naive_ledger_at_every_height() {
    let seed = env::var("STARLING_SEED").map_or(7, |text| text.parse().unwrap());
    let mut crowd = Crowd::new(Chance::new(seed));
    let mut network = Network::new(&crowd.genesis());
    let mut export = Export::new(&network);
    let (mut applied, mut refused, mut punished) = (0, 0, 0);
    while applied < APPLIED {
        let candidates = crowd.candidates(&network, CANDIDATES);
        let offences = crowd.offences(&network);
        let clock_ms = crowd.clock_ms(&network);
        let built = network.build(&candidates, &offences, clock_ms);
        punished += built.block.evidence.len();
        applied += built.block.transactions.len();
        refused += built.skipped.len();
        network.finish(&built);
        export.add(&built.block, &network, &crowd);
    }
    // The mixture is worth nothing if it is all of one kind.
    assert!(refused > applied / 50, "{applied} applied, {refused} not");
    assert!(punished > 3, "{punished} offences");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference-history");
    fs::write(&path, export.to_bytes()).unwrap();
    let heights = network.tip.height;
    let report = second_opinion(&path);
    fs::remove_file(&path).unwrap();
    let agreed = format!("agreed on {heights} heights and {applied} transactions");
    assert!(report.contains(&agreed), "{report}");
    println!("{report}{refused} were refused here");
}

/// Runs the naive ledger over an exported history.
fn second_opinion(path: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/reference.py");
    let run = Command::new("python3")
        .arg("-B")
        .arg(script)
        .arg(path)
        .output()
        .expect("python3 is installed; `scripts/deps.sh test` does it on Debian");
    let report = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}{errors}");
    report
}
