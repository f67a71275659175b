//! What the lengths that a hostile peer claims cost in memory: nothing.
//!
//! A file of its own, so that no other test takes memory meanwhile.
#![expect(
    clippy::disallowed_methods,
    reason = "reads how much memory the process has taken"
)]

#[path = "hostile_frames/frames.rs"]
mod frames;

use std::fs;

use frames::{BOMBS, again, frames};

/// Most kilobytes that all of them together may take, be it touched or only asked for.
const GROWTH_KB_MAX: u64 = 8 * 1024;
/// How often every bomb is thrown.
const TIMES: usize = 20;

#[test]
fn lengths_that_are_claimed_take_no_memory() {
    let frames = frames();
    let mut refused = 0;
    let mut throw = || {
        for (lane, bytes) in &frames {
            for at in 0..bytes.len().saturating_sub(7) {
                for bomb in BOMBS {
                    let mut bytes = bytes.clone();
                    bytes[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
                    refused += usize::from(again(*lane, &bytes).is_err());
                }
            }
        }
    };
    throw();
    let before = [peak_kb("VmPeak:"), peak_kb("VmHWM:")];
    for _ in 0..TIMES {
        throw();
    }
    for (name, before) in ["VmPeak:", "VmHWM:"].into_iter().zip(before) {
        let grown = peak_kb(name) - before;
        assert!(grown < GROWTH_KB_MAX, "{name} grew by {grown} kB");
    }
    // The first throw is not what takes it either: one bomb believed would be gigabytes.
    assert!(before[0] < 1024 * 1024, "{before:?} kB");
    assert!(refused > 1_000 * TIMES, "{refused}");
}

/// The greatest size of this process so far, in kilobytes: asked for, or in use.
fn peak_kb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.expect("a number of kilobytes")
}
