//! Links: who is linked to whom, and why not.

use std::time::Duration;

use starling_gossip::config::GossipConfig;
use starling_gossip::input::ConfiguredPeer;
use starling_gossip::link::Direction;
use starling_gossip::random::Seed;
use starling_gossip::{Input, Lane};
use starling_ledger::hash::{Context, Hash};

use crate::net::{Manner, Net, address, config, id};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn configured_peers_become_a_full_mesh() {
    let all: Vec<Vec<usize>> = (0..7)
        .map(|me| (0..7).filter(|other| *other != me).collect())
        .collect();
    let mut net = Net::new(&all);
    net.run_for(2 * SECOND);
    for (node, others) in all.iter().enumerate() {
        assert_eq!(net.peers(node).into_iter().collect::<Vec<_>>(), *others);
    }
}

#[test]
fn two_simultaneous_dials_leave_the_link_of_the_lower_id_at_both_ends() {
    let mut net = Net::new(&[vec![1], vec![0]]);
    net.run_for(2 * SECOND);
    assert_eq!(net.live_links(0, 1), 1);
    let lower = usize::from(id(1) < id(0));
    let direction = |node: usize| net.nodes[node].gossip.peers()[0].direction;
    assert_eq!(direction(lower), Direction::Outbound);
    assert_eq!(direction(1 - lower), Direction::Inbound);
    let links = net.live_links(0, 1);
    net.run_for(60 * SECOND);
    assert_eq!(net.live_links(0, 1), links);
    for node in &net.nodes {
        let ups = node.peer_events.iter().filter(|(_, up)| *up).count();
        let downs = node.peer_events.iter().filter(|(_, up)| !up).count();
        assert_eq!(ups, downs + 1);
    }
}

#[test]
fn two_links_by_one_side_are_reduced_to_one() {
    let mut net = Net::new(&[vec![], vec![]]);
    net.run_for(SECOND);
    net.connect(0, 1);
    net.connect(0, 1);
    net.run_for(SECOND);
    assert_eq!(net.live_links(0, 1), 1);
    assert_eq!(net.peers(0).len(), 1);
    assert_eq!(net.peers(1).len(), 1);
}

#[test]
fn a_restarted_peer_takes_the_place_of_its_old_link() {
    let mut net = Net::new(&[vec![], vec![0]]);
    net.run_for(SECOND);
    assert_eq!(net.peers(0).len(), 1);
    // The process dies without a word, and node 0 is not told.
    net.nodes[1].gossip = starling_gossip::Gossip::new(&GossipConfig {
        seed: Seed::of(77),
        ..config(1, &[])
    });
    net.nodes[1].peer_events.clear();
    net.connect(1, 0);
    net.run_for(SECOND);
    let peers = net.nodes[0].gossip.peers();
    assert_eq!(peers.len(), 1);
    assert_eq!(net.peers(1).len(), 1);
}

#[test]
fn another_network_is_told_so_in_words_at_both_ends() {
    let devnet = GossipConfig {
        genesis: Hash::of(Context::Genesis, &[b"other"]),
        network: "devnet".to_owned(),
        ..config(1, &[])
    };
    let mut net = Net::of(vec![config(0, &[1]), devnet]);
    net.run_for(SECOND);
    assert!(net.peers(0).is_empty() && net.peers(1).is_empty());
    let said = |node: usize| net.nodes[node].disconnects[0].clone();
    assert!(said(0).starts_with("you are on devnet ") && said(0).contains(", this is local "));
    assert!(said(1).starts_with("you are on local ") && said(1).contains(", this is devnet "));
    let failed = &net.nodes[0].gossip.addresses()[0];
    let (_, failure) = failed.failure.clone().unwrap();
    assert!(failure.is_other_network());
    let reason = failure.to_string();
    assert!(
        reason.contains("devnet") && reason.contains("local"),
        "{reason}"
    );
    // The one that was dialed knows it, too.
    let dialed = net.nodes[1].gossip.failed();
    assert!(dialed.iter().any(|one| one.failure.is_other_network()));
}

#[test]
fn peers_learn_each_other_through_a_seed_and_survive_its_death() {
    let mut peers = vec![vec![0]; 6];
    peers[0] = vec![];
    let mut net = Net::new(&peers);
    net.run_for(10 * SECOND);
    for node in 1..6 {
        assert_eq!(net.peers(node).len(), 5, "node {node}");
    }
    net.kill(0);
    net.run_for(SECOND);
    for node in 1..6 {
        assert_eq!(net.peers(node).len(), 4, "node {node}");
        assert!(!net.peers(node).contains(&0));
    }
}

#[test]
fn known_addresses_suffice_to_join_again() {
    let mut net = Net::new(&[vec![], vec![0], vec![0]]);
    net.run_for(10 * SECOND);
    let known = net.nodes[2].gossip.known_addresses();
    assert!(known.contains(&ConfiguredPeer {
        address: address(1),
        peer: Some(id(1))
    }));
    net.kill(0);
    net.kill(2);
    // The same node again, at its old address, with no configured peer at all.
    let restarted = GossipConfig {
        known,
        seed: Seed::of(5),
        ..config(2, &[])
    };
    net.nodes.truncate(2);
    net.join(&restarted);
    net.run_for(2 * SECOND);
    assert!(net.peers(2).contains(&1));
}

#[test]
fn every_failed_dial_keeps_one_reason() {
    let mut net = Net::new(&[vec![5]]);
    net.run_for(10 * SECOND);
    let addresses = net.nodes[0].gossip.addresses();
    assert_eq!(addresses.len(), 1);
    let (_, failure) = addresses[0].failure.clone().unwrap();
    assert_eq!(failure.word(), "timed_out");
    assert_eq!(failure.to_string(), "nobody answered in time");
    assert!((3..=20).contains(&addresses[0].failures));
}

#[test]
fn a_silent_peer_is_dropped_by_ping_within_thirty_seconds() {
    let mut net = Net::new(&[vec![], vec![0]]);
    net.run_for(2 * SECOND);
    net.nodes[1].manner = Manner::Mute;
    net.run_for(30 * SECOND);
    assert!(
        net.nodes[0]
            .disconnects
            .iter()
            .any(|reason| reason.contains("ping"))
    );
}

#[test]
fn a_peer_that_says_no_hello_is_dropped_after_five_seconds() {
    let mut net = Net::new(&[vec![], vec![]]);
    net.nodes[1].manner = Manner::Mute;
    net.connect(0, 1);
    net.run_for(4 * SECOND);
    assert_eq!(net.live_links(0, 1), 1);
    assert!(net.nodes[0].disconnects.is_empty());
    net.run_for(2 * SECOND);
    assert!(net.nodes[0].disconnects[0].contains("hello"));
    assert!(net.nodes[0].peer_events.is_empty());
}

#[test]
fn a_banned_peer_stays_away_until_the_ban_is_lifted() {
    let mut net = Net::new(&[vec![1], vec![0]]);
    net.run_for(2 * SECOND);
    net.input(
        0,
        Input::Ban {
            peer: id(1),
            duration: None,
        },
    );
    net.run_for(10 * SECOND);
    assert!(net.peers(0).is_empty() && net.peers(1).is_empty());
    net.input(0, Input::Unban(id(1)));
    net.run_for(10 * SECOND);
    assert_eq!(net.peers(0).len(), 1);
}

#[test]
fn frames_of_other_lanes_may_overtake_the_hello() {
    use bytes::Bytes;
    use starling_gossip::message::ConsensusFrame;
    let mut net = Net::new(&[vec![], vec![]]);
    net.nodes[1].manner = Manner::Mute;
    let (_, theirs) = net.connect(0, 1);
    net.run_for(SECOND);
    net.nodes[1].manner = Manner::Honest;
    let status = starling_gossip::message::SyncFrame::Status {
        height: 9,
        head: starling_ledger::block::BlockHash(Hash::ZERO),
    };
    net.send(1, (theirs, Lane::Sync, status.encode()));
    let hello = hello_bytes();
    net.run_for(SECOND);
    assert!(net.peers(0).is_empty());
    net.send(1, (theirs, Lane::Consensus, hello));
    net.run_for(SECOND / 10);
    assert_eq!(net.nodes[0].gossip.peers()[0].height, 9);

    fn hello_bytes() -> Bytes {
        let hello = starling_gossip::message::Hello {
            version_from: 1,
            version_to: 7,
            features: u64::MAX,
            genesis: crate::net::genesis(),
            network: "local".to_owned(),
            height: 1,
            listen: Vec::new(),
            salt: 1,
            instance: 1,
        };
        ConsensusFrame::Hello(hello).encode()
    }
}
