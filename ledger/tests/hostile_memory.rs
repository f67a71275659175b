//! What the lengths that a hostile encoding claims cost in memory: nothing.
//!
//! A file of its own, so that no other test takes memory meanwhile.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads how much memory the process has taken"
)]

#[path = "golden/samples.rs"]
mod samples;

use std::fs;

use samples::all;

/// Lengths no value has, from one that fits into 32 bits to the sign bit of 64.
const BOMBS: [u64; 4] = [1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63];
/// Most kilobytes that all of them together may take, be it touched or only asked for.
const GROWTH_KB_MAX: u64 = 8 * 1024;
/// How often each bomb is thrown at each place.
const TIMES: usize = 2;

/// At every offset, and so over every length. A decoder that reserved what is claimed would take at
/// least a gigabyte here, or be killed.
#[test]
fn lengths_that_are_claimed_take_no_memory() {
    let mut refused = 0;
    let mut throw = || {
        for sample in all() {
            for at in 0..sample.bytes.len().saturating_sub(7) {
                for bomb in BOMBS {
                    let mut bytes = sample.bytes.clone();
                    bytes[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
                    refused += usize::from((sample.again)(&bytes).is_err());
                }
            }
        }
    };
    throw();
    let before = ["VmPeak:", "VmHWM:"].map(peak_kb);
    for _ in 0..TIMES {
        throw();
    }
    for (name, before) in ["VmPeak:", "VmHWM:"].into_iter().zip(before) {
        let grown = peak_kb(name) - before;
        assert!(grown < GROWTH_KB_MAX, "{name} grew by {grown} kB");
    }
    // Nor did the first throw: one length believed would be gigabytes.
    assert!(before[0] < 1024 * 1024, "{before:?} kB");
    assert!(refused > 1_000 * TIMES, "{refused}");
}

/// The greatest size of this process so far, in kilobytes: asked for, or in use.
fn peak_kb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
