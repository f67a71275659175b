//! Sync: ranges from several peers, some of whom stall or lie.

use std::time::Duration;

use starling_gossip::Input;
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;

use crate::net::{Manner, Net, id};

const SECOND: Duration = Duration::from_secs(1);

/// Node 0 is new; the others have `height` blocks.
fn behind(others: usize, height: u64) -> Net {
    let mut peers = vec![vec![0]; others + 1];
    peers[0] = vec![];
    let mut net = Net::new(&peers);
    for node in 1..=others {
        net.set_height(node, height);
    }
    net
}

#[test]
fn five_hundred_blocks_come_from_several_peers() {
    let mut net = behind(3, 500);
    net.run_for(5 * SECOND);
    assert_eq!(net.nodes[0].height, 500);
    let mut sources: Vec<_> = net.nodes[0]
        .applied
        .iter()
        .map(|(peer, _, _)| *peer)
        .collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 3);
    assert!(!net.nodes[0].gossip.is_syncing());
    assert_eq!(net.nodes[0].gossip.best_height(net.now), 500);
}

#[test]
fn a_peer_that_stalls_and_one_that_lies_do_not_stop_it() {
    let mut net = behind(3, 500);
    net.nodes[1].manner = Manner::StallsRanges;
    net.nodes[2].manner = Manner::LiesRanges;
    net.run_for(20 * SECOND);
    assert_eq!(net.nodes[0].height, 500);
    assert!(!net.peers(0).contains(&2), "the liar is let go");
    assert!(net.nodes[0].gossip.bans().find(id(2), net.now).is_some());
}

#[test]
fn a_peer_that_dies_in_the_middle_is_replaced() {
    let mut net = behind(2, 2_000);
    net.run_for(SECOND / 4);
    assert!(net.nodes[0].height < 2_000);
    net.kill(1);
    net.run_for(15 * SECOND);
    assert_eq!(net.nodes[0].height, 2_000);
}

#[test]
fn false_heights_do_not_stop_it() {
    let mut net = behind(3, 300);
    let claim = Input::Head {
        height: 1 << 63,
        hash: BlockHash(Hash::ZERO),
    };
    net.nodes[1].manner = Manner::StallsRanges;
    net.input(1, claim);
    net.run_for(15 * SECOND);
    assert_eq!(net.nodes[0].height, 300);
    assert!(!net.nodes[0].gossip.is_syncing());
    assert_eq!(net.nodes[0].gossip.best_height(net.now), 300);
    // After some more lies it is let go for good.
    net.run_for(200 * SECOND);
    assert!(!net.peers(0).contains(&1));
}

#[test]
fn what_one_peer_no_longer_keeps_comes_from_another() {
    let mut net = behind(3, 500);
    net.nodes[1].manner = Manner::KeepsFrom(400);
    net.nodes[2].manner = Manner::KeepsFrom(490);
    net.run_for(10 * SECOND);
    assert_eq!(net.nodes[0].height, 500);
    assert_eq!(net.peers(0), [1, 2, 3].into(), "nobody is at fault");
    assert!(net.nodes[0].gossip.counters().ranges_pruned > 0);
    assert_eq!(net.nodes[0].gossip.counters().ranges_stalled, 0);
}

#[test]
fn a_height_whose_blocks_nobody_keeps_counts_for_nothing() {
    let mut net = behind(2, 500);
    net.nodes[1].manner = Manner::KeepsFrom(400);
    net.nodes[2].manner = Manner::KeepsFrom(u64::MAX);
    net.run_for(20 * SECOND);
    assert_eq!(net.nodes[0].height, 0);
    assert!(!net.nodes[0].gossip.is_syncing());
    assert_eq!(net.nodes[0].gossip.best_height(net.now), 0);
    assert_eq!(net.peers(0), [1, 2].into(), "nobody is at fault");
    let asked = net.nodes[0].gossip.counters().ranges_asked;
    net.run_for(60 * SECOND);
    let again = net.nodes[0].gossip.counters().ranges_asked;
    assert_eq!(again, asked, "what is not kept is not asked for again");
}

#[test]
fn a_peer_that_says_pruned_of_what_it_keeps_delivers_nothing() {
    let mut net = behind(2, 300);
    net.nodes[1].manner = Manner::LiesPruned;
    net.run_for(20 * SECOND);
    assert_eq!(net.nodes[0].height, 300);
    net.set_height(2, 300);
    net.set_height(1, 1 << 40);
    net.run_for(200 * SECOND);
    assert!(
        !net.peers(0).contains(&1),
        "it is let go like one that stalls"
    );
}

#[test]
fn one_block_behind_is_left_to_agreement_at_first() {
    let mut net = Net::new(&[vec![], vec![0]]);
    net.run_for(SECOND);
    net.set_height(1, 1);
    net.run_for(Duration::from_millis(400));
    assert!(net.nodes[0].applied.is_empty());
    net.run_for(Duration::from_millis(400));
    assert_eq!(net.nodes[0].height, 1);
}

#[test]
fn two_blocks_behind_are_fetched_at_once() {
    let mut net = Net::new(&[vec![], vec![0]]);
    net.run_for(SECOND);
    net.set_height(1, 2);
    net.run_for(Duration::from_millis(300));
    assert_eq!(net.nodes[0].height, 2);
}

#[test]
fn heights_are_reported_at_most_every_hundred_milliseconds() {
    let mut net = Net::new(&[vec![], vec![0]]);
    net.run_for(SECOND);
    let lane = starling_gossip::Lane::Sync;
    let before = net.nodes[1].gossip.counters().frames_out[lane];
    for height in 1..=50 {
        net.set_height(1, height);
        net.set_height(0, height);
        net.run_for(Duration::from_millis(10));
    }
    let sent = net.nodes[1].gossip.counters().frames_out[lane] - before;
    assert!((4..=7).contains(&sent), "{sent} reports in half a second");
}
