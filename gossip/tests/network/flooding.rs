//! Flooding: all are reached, the node sees each thing once, and nothing unchecked goes out.

use std::time::Duration;

use starling_gossip::Input;
use starling_gossip::input::Verdict;
use starling_gossip::message::ConsensusMessage;
use starling_gossip::random::{Purpose, Random, Seed};
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::vote::{Vote, VoteType};

use crate::net::{Net, genesis, transaction};

const SECOND: Duration = Duration::from_secs(1);

/// A ring in which nobody learns more addresses than it was given: links are made by hand.
fn wired(count: usize, edges: &[(usize, usize)]) -> Net {
    let mut net = Net::of(
        (0..count)
            .map(|number| {
                let config = crate::net::config(number, &[]);
                starling_gossip::GossipConfig {
                    listen: Vec::new(),
                    ..config
                }
            })
            .collect(),
    );
    for (one, other) in edges {
        net.connect(*one, *other);
    }
    net.run_for(SECOND);
    net
}

fn ring(count: usize) -> Net {
    let edges: Vec<_> = (0..count).map(|node| (node, (node + 1) % count)).collect();
    wired(count, &edges)
}

fn vote(height: u64) -> ConsensusMessage {
    let key = SecretKey::local("validator");
    let vote = Vote {
        vote_type: VoteType::Prevote,
        height,
        round: 0,
        block: Some(BlockHash(Hash::ZERO)),
        validator: key.public_key(),
    };
    ConsensusMessage::Vote(vote.sign(&genesis(), &key))
}

fn assert_all_checked_once(net: &Net, origin: usize, count: usize) {
    for (number, node) in net
        .nodes
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != origin)
    {
        assert_eq!(node.checked.len(), count, "node {number}");
        assert!(
            node.checked.values().all(|times| *times == 1),
            "node {number}"
        );
    }
}

#[test]
fn a_ring_is_flooded_and_each_node_checks_each_transaction_once() {
    let mut net = ring(10);
    for number in 0..50 {
        net.input(0, Input::SubmitTransaction(transaction(number)));
    }
    net.run_for(SECOND);
    assert_all_checked_once(&net, 0, 50);
    assert!(net.nodes[0].checked.is_empty());
}

#[test]
fn a_random_graph_is_flooded() {
    let mut random = Seed::of(9).random(Purpose::Dials);
    let mut edges: Vec<_> = (1..40)
        .map(|node| (node, usize_below(&mut random, node)))
        .collect();
    edges.extend((0..60).map(|_| {
        let one = 1 + usize_below(&mut random, 39);
        (one, usize_below(&mut random, one))
    }));
    edges.sort_unstable();
    edges.dedup();
    let mut net = wired(40, &edges);
    for number in 0..20 {
        net.input(7, Input::SubmitTransaction(transaction(number)));
    }
    net.run_for(2 * SECOND);
    assert_all_checked_once(&net, 7, 20);
    let sent: u64 = net
        .nodes
        .iter()
        .map(|node| node.gossip.counters().transactions_out)
        .sum();
    assert!(
        sent <= 20 * 2 * edges.len() as u64,
        "each link carries each transaction once a way"
    );
}

fn usize_below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("below a usize")
}

#[test]
fn nothing_goes_on_that_the_node_did_not_accept() {
    let mut net = ring(5);
    net.nodes[1].refuse_all = Some(Verdict::Dropped);
    net.nodes[4].refuse_all = Some(Verdict::Dropped);
    net.input(0, Input::SubmitTransaction(transaction(1)));
    net.run_for(SECOND);
    assert_eq!(net.nodes[1].checked.len(), 1);
    assert!(net.nodes[2].checked.is_empty() && net.nodes[3].checked.is_empty());
    assert_eq!(
        net.peers(1).len(),
        2,
        "what the state refuses is nobody's fault"
    );
    // A block later one of them has a use for it.
    net.input(1, Input::RelayTransaction(transaction(1)));
    net.run_for(SECOND);
    assert_eq!(net.nodes[1].checked.len(), 1, "it is not checked again");
    for node in [2, 3] {
        assert_eq!(net.nodes[node].checked.len(), 1, "node {node}");
    }
}

#[test]
fn whoever_sends_an_invalid_transaction_is_let_go() {
    let mut net = ring(3);
    let fault = starling_gossip::PeerFault::InvalidTransaction {
        reason: "signature".to_owned(),
    };
    net.nodes[1].refuse_all = Some(Verdict::Fault(fault));
    net.input(0, Input::SubmitTransaction(transaction(1)));
    net.run_for(SECOND);
    assert!(!net.peers(1).contains(&0));
    assert_eq!(
        net.nodes[1].gossip.bans().iter().count(),
        2,
        "both neighbours relayed it"
    );
}

#[test]
fn batches_hold_many_transactions() {
    let mut net = wired(2, &[(0, 1)]);
    let before = net.nodes[0].gossip.counters().frames_out;
    for number in 0..70 {
        net.input(0, Input::SubmitTransaction(transaction(number)));
    }
    net.run_for(SECOND);
    let after = net.nodes[0].gossip.counters().frames_out;
    let lane = starling_gossip::Lane::Transactions;
    assert_eq!(after[lane] - before[lane], 1);
    assert_eq!(net.nodes[1].checked.len(), 70);
}

#[test]
fn a_new_neighbour_is_offered_what_is_pending() {
    let mut net = wired(2, &[]);
    net.nodes[0].pending = (0..3_000).map(transaction).collect();
    net.input(0, Input::SubmitTransaction(transaction(0)));
    net.connect(1, 0);
    net.run_for(2 * SECOND);
    assert_eq!(net.nodes[1].checked.len(), 3_000);
}

#[test]
fn consensus_messages_reach_all_at_once_and_each_node_once() {
    let mut net = ring(10);
    net.input(
        0,
        Input::FloodConsensus {
            message: vote(1),
            force: false,
        },
    );
    net.run_for(Duration::from_millis(5 * 22 + 5));
    for node in &net.nodes[1..] {
        assert_eq!(node.messages, [vote(1)]);
    }
    net.run_for(SECOND);
    assert!(net.nodes.iter().all(|node| node.messages.len() <= 1));
}

#[test]
fn a_rebroadcast_goes_out_although_it_is_known() {
    let mut net = wired(2, &[(0, 1)]);
    net.input(
        0,
        Input::FloodConsensus {
            message: vote(1),
            force: false,
        },
    );
    net.run_for(2 * SECOND);
    net.input(
        0,
        Input::FloodConsensus {
            message: vote(1),
            force: false,
        },
    );
    net.run_for(SECOND);
    assert_eq!(net.nodes[1].messages.len(), 1);
    net.input(
        0,
        Input::FloodConsensus {
            message: vote(1),
            force: true,
        },
    );
    net.run_for(SECOND);
    assert_eq!(net.nodes[1].messages.len(), 2);
}

#[test]
fn blocks_of_the_current_height_are_asked_for_and_sent() {
    let mut net = wired(3, &[(0, 1), (0, 2)]);
    let hash = BlockHash(Hash::ZERO);
    net.input(
        0,
        Input::WantBlock {
            peer: Some(crate::net::id(2)),
            height: 8,
            hash,
        },
    );
    net.run_for(SECOND);
    assert_eq!(
        net.nodes[0].blocks,
        [(crate::net::id(2), crate::net::block(8))]
    );
    net.input(
        0,
        Input::WantBlock {
            peer: None,
            height: 9,
            hash,
        },
    );
    net.run_for(SECOND);
    assert_eq!(net.nodes[0].blocks.len(), 3);
}
