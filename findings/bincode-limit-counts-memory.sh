#!/usr/bin/env bash
# bincode 2.0.1: `with_limit::<N>` is documented as a limit on bytes. For a list of anything but
# bytes it counts `len × size_of::<T>()` in memory when decoding, and does not when encoding. So a
# list of 656 votes encodes to 44,616 bytes under a limit of 65,536, and the same configuration
# refuses to read those bytes back: one vote is 68 bytes on the wire and 100 in memory, and
# 656 × 100 is above the limit. Where layout depends on the target, so does what can be read.
#
# Seen with: bincode 2.0.1, rustc 1.95, x86_64. Needs cargo and a registry of crates.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
bincode = "=2.0.1"
TOML
cat >"$work/src/main.rs" <<'RUST'
use bincode::{config, decode_from_slice, encode_to_vec, Decode, Encode};

#[derive(Clone, Encode, Decode)]
struct Vote {
    position: u16,
    step: bool,
    block: Option<[u8; 32]>,
    signature: [u8; 64],
}

fn main() {
    let limit = config::standard().with_fixed_int_encoding().with_limit::<65_536>();
    println!("one vote in memory: {} bytes", std::mem::size_of::<Vote>());
    for count in [655, 656] {
        let vote = Vote { position: 1, step: true, block: None, signature: [7; 64] };
        let bytes = encode_to_vec(vec![vote; count], limit).expect("it encodes");
        let read = decode_from_slice::<Vec<Vote>, _>(&bytes, limit);
        let read = read.map(|(votes, used)| (votes.len(), used));
        println!("{count} votes: {} bytes encoded, decoded: {read:?}", bytes.len());
    }
}
RUST
seen=$(CARGO_TARGET_DIR="$work/target" cargo run --quiet --manifest-path "$work/Cargo.toml" 2>/dev/null)
expected='one vote in memory: 100 bytes
655 votes: 44548 bytes encoded, decoded: Ok((655, 44548))
656 votes: 44616 bytes encoded, decoded: Err(LimitExceeded)'
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; it was:"; echo "$expected"; exit 1; }
