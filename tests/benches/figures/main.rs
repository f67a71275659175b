//! The figures of docs/performance.md: one table a section, each figure in microseconds and as a
//! multiple of the *unit*, one `verify_strict` of ed25519-dalek measured in the same run.
//!
//!     cargo bench --profile release -p starling-tests --bench figures -- [SECTION]…
//!
//! Sections are `signatures`, `admission`, `block`, `corner` and `replay`, which ends with what a
//! transfer takes on the disk; without one, all. Each line has the time that the processor worked
//! in the best round, the time that passed in the best round, and in brackets the time that passed
//! in the middle one: on a machine that others use, the first says what the code costs. Rounds are
//! short, so that the best one is disturbed little.
//!
//! - `STARLING_ACCOUNTS`: accounts of the state in `admission` and `block`, 1,000,000 if not said.
//!   10,000,000 take a few GB of disk and some ten minutes.
//! - `STARLING_BLOCKS`: blocks of 10,000 transfers in `replay`, 20 if not said.
//! - `STARLING_GROUND`: keys ground into one corner in `corner`, 100,000 if not said.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod admission;
mod block;
mod corner;
mod replay;
mod signatures;
mod table;

use table::Unit;

fn main() {
    let chosen: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    let unit = Unit::measure();
    if wants("signatures") {
        signatures::run(&unit);
    }
    if wants("admission") {
        admission::run(number("STARLING_ACCOUNTS", 1_000_000));
    }
    if wants("block") {
        block::run(&unit, number("STARLING_ACCOUNTS", 1_000_000));
    }
    if wants("corner") {
        corner::run(number("STARLING_GROUND", 100_000));
    }
    if wants("replay") {
        replay::run(&unit, number("STARLING_BLOCKS", 20));
    }
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.replace('_', "").parse().unwrap(),
        Err(_) => default,
    }
}
