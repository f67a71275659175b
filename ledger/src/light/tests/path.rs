//! Paths that a node tells lead a verifier to the goal, in few steps.

use std::sync::Arc;

use super::chain::*;
use crate::chain::ChainReader;
use crate::codec::encode;
use crate::keys::Ed25519;
use crate::light::{Checkpoint, LightStep, PATH_STEPS_MAX, PathError, Trusted, path};
use crate::storage::{Column, MemoryStorage, Storage as _, WriteBatch};

const ONE: &[Member] = &[("n2", "n2"), ("n3", "n3"), ("n4", "n4"), ("n5", "n5")];
const TWO: &[Member] = &[("n3", "n3"), ("n4", "n4"), ("n5", "n5"), ("n6", "n6")];
const ALL: &[Member] = &[("n5", "n5"), ("n6", "n6"), ("n7", "n7"), ("n8", "n8")];

fn by_height(height: u64) -> Vec<u8> {
    [&[0], height.to_be_bytes().as_slice()].concat()
}

/// Stores what a pruned node keeps: the ends of epochs, the last two blocks, and all sets.
fn stored(chain: &Chain) -> ChainReader {
    let storage = Arc::new(MemoryStorage::new());
    let mut batch = WriteBatch::new();
    for header in &chain.headers {
        let height = header.height;
        if !height.is_multiple_of(EPOCH_BLOCKS) && height + 1 < chain.height() {
            continue;
        }
        let signers = chain.signers(height);
        let certificate = certify(&chain.genesis, signers, header, signers.members().len());
        batch.put(Column::Header, by_height(height), encode(header));
        let key = height.to_be_bytes();
        batch.put(Column::Certificate, key, encode(&certificate));
    }
    for set in &chain.sets {
        batch.put(Column::Validators, set.hash().0, encode(set));
    }
    batch.put(Column::Meta, *b"genesis", encode(&chain.genesis));
    let tip = (chain.height(), chain.headers.last().unwrap().hash());
    batch.put(Column::Meta, *b"tip", encode(&tip));
    storage.write(batch).unwrap();
    ChainReader::new(storage)
}

/// A verifier that trusts the block at `height`.
fn at(chain: &Chain, height: u64) -> Trusted {
    if height == 0 {
        return chain.start();
    }
    let header = chain.header(height);
    let epoch = usize::try_from(height / EPOCH_BLOCKS).unwrap();
    let next = chain.sets.get(epoch).or(chain.sets.last()).unwrap().clone();
    Trusted::checkpoint(&chain.genesis, Checkpoint::of(&header), header, next).unwrap()
}

fn follow(chain: &Chain, begin: &Trusted, steps: &[LightStep]) -> Trusted {
    steps.iter().fold(begin.clone(), |trusted, step| {
        trusted
            .follow(&Ed25519, step, None)
            .unwrap_or_else(|error| {
                panic!("{} to {}: {error}", trusted.height(), step.header.height)
            });
        trusted
            .advance(&Ed25519, step, chain.now_ms())
            .unwrap_or_else(|_| {
                // Long chains outlive the trust period of their beginning.
                trusted.follow(&Ed25519, step, None).unwrap()
            })
    })
}

fn heights(steps: &[LightStep]) -> Vec<u64> {
    steps.iter().map(|step| step.header.height).collect()
}

#[test]
fn one_step_where_nobody_came_or_went_and_one_per_epoch_where_all_did() {
    let chain = Chain::new(&[FOUNDERS; 6]);
    assert_eq!(heights(&path(&stored(&chain), 0, 59).unwrap()), [59]);
    let chain = Chain::restless(4);
    let steps = path(&stored(&chain), 0, 39).unwrap();
    assert_eq!(heights(&steps), [10, 20, 30, 39]);
    assert_eq!(follow(&chain, &chain.start(), &steps).height(), 39);
}

#[test]
fn skips_as_far_as_the_trusted_power_reaches() {
    let chain = Chain::new(&[FOUNDERS, ONE, ONE, ONE, TWO, TWO, ALL]);
    let steps = path(&stored(&chain), 0, 69).unwrap();
    assert_eq!(heights(&steps), [40, 60, 69]);
    assert_eq!(follow(&chain, &chain.start(), &steps).height(), 69);
}

#[test]
fn leads_from_every_height_to_every_height_that_is_kept() {
    for epochs in [
        [FOUNDERS, FOUNDERS, ONE, TWO, ALL],
        [FOUNDERS, ALL, ALL, FOUNDERS, ONE],
        [FOUNDERS, ONE, FOUNDERS, TWO, ALL],
        [FOUNDERS, TWO, ONE, FOUNDERS, ALL],
    ] {
        let chain = Chain::new(&epochs);
        let reader = stored(&chain);
        for from in 0..50 {
            for goal in [10, 20, 30, 40, 49, 50] {
                if from >= goal {
                    continue;
                }
                let steps = path(&reader, from, goal).unwrap();
                let reached = follow(&chain, &at(&chain, from), &steps);
                assert_eq!(
                    reached.hash(),
                    chain.header(goal).hash(),
                    "{from} to {goal}"
                );
            }
        }
    }
}

#[test]
fn long_paths_come_in_pages() {
    let chain = Chain::restless(70);
    let reader = stored(&chain);
    let first = path(&reader, 0, 700).unwrap();
    assert_eq!(first.len(), PATH_STEPS_MAX);
    let reached = follow(&chain, &chain.start(), &first);
    assert_eq!(reached.height(), 640);
    let second = path(&reader, reached.height(), 700).unwrap();
    assert_eq!(follow(&chain, &reached, &second).height(), 700);
}

#[test]
fn says_why_there_is_no_path() {
    let chain = Chain::new(&[FOUNDERS, ALL]);
    let reader = stored(&chain);
    let (goal, tip) = (21, 20);
    assert_eq!(path(&reader, 0, goal), Err(PathError::Ahead { goal, tip }));
    let (from, goal) = (15, 15);
    assert_eq!(
        path(&reader, from, goal),
        Err(PathError::Behind { from, goal })
    );
    let height = 12;
    assert_eq!(path(&reader, 0, height), Err(PathError::NotKept { height }));
}
