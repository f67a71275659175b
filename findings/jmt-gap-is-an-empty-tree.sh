#!/usr/bin/env bash
# jmt 0.12.0 (Jellyfish Merkle tree): an update at version N builds on version N - 1. If that one is
# not in the store (a restored snapshot, a pruned history, heights without an entry), the tree takes
# it for empty and says nothing: an update without changes returns the root of the empty tree, and
# one with a change the root of a tree that holds only that change. Reading the root of the missing
# version is an error, and reading an old key at the new version still finds its value, so a test
# that reads keys does not notice; only the root is wrong.
#
# Seen with: jmt 0.12.0, sha2 0.10. Needs cargo and a registry of crates.
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
jmt = { version = "=0.12.0", features = ["mocks"] }
sha2 = "0.10"
TOML
cat >"$work/src/main.rs" <<'RUST'
use jmt::{mock::MockTreeStore, storage::TreeWriter, JellyfishMerkleTree, KeyHash, RootHash};
use sha2::Sha256;

type Tree<'a> = JellyfishMerkleTree<'a, MockTreeStore, Sha256>;

fn key(name: &str) -> KeyHash {
    KeyHash::with::<Sha256>(name)
}

fn put(store: &MockTreeStore, version: u64, names: &[&str]) -> RootHash {
    let values = names.iter().map(|name| (key(name), Some(vec![1])));
    let (root, batch) = Tree::new(store).put_value_set(values, version).expect("an update");
    store.write_node_batch(&batch.node_batch).expect("a write");
    root
}

fn main() {
    let store = MockTreeStore::default();
    let first = put(&store, 0, &["alice", "bob"]);
    println!("version 1, no change, 0 is there: same root {}", put(&store, 1, &[]) == first);
    let gap = put(&store, 5, &[]);
    println!("version 5, no change, 4 is missing: empty root {}", gap == Tree::EMPTY_ROOT);
    let carol = put(&store, 9, &["carol"]);
    let alone = put(&MockTreeStore::default(), 0, &["carol"]);
    println!("version 9, carol, 8 is missing: root of carol alone {}", carol == alone);
    let tree = Tree::new(&store);
    println!("root of 8: error {}", tree.get_root_hash(8).is_err());
    println!("alice at 9: {:?}", tree.get(key("alice"), 9).expect("a read"));
}
RUST
seen=$(CARGO_TARGET_DIR="$work/target" cargo run --quiet --manifest-path "$work/Cargo.toml" 2>/dev/null)
expected='version 1, no change, 0 is there: same root true
version 5, no change, 4 is missing: empty root true
version 9, carol, 8 is missing: root of carol alone true
root of 8: error true
alice at 9: Some([1])'
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; it was:"; echo "$expected"; exit 1; }
