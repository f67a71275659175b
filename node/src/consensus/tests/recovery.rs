//! Crashes: the log is replayed, nothing is signed twice, and a lost memory makes the node careful.

use super::keyed::{KeyedSigner, key};
use super::network::{Faults, Network};
use super::{ConsensusEvent, SECOND};
use crate::consensus::SpectatorReason;
use crate::consensus::watch::WATCH_HEIGHTS;

fn spectating(network: &Network, index: usize) -> Vec<SpectatorReason> {
    let events = network.events.iter().filter(|(who, _)| *who == index);
    events
        .filter_map(|(_, event)| match event {
            ConsensusEvent::Spectating { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .collect()
}

/// Stops a node and takes its guard and its log away.
fn lose_memory(network: &mut Network, index: usize) {
    network.crash(index);
    network.nodes[index].guard.clear();
    network.nodes[index].log.clear();
}

#[test]
fn crashes_at_any_moment_never_sign_twice_nor_halt() {
    let mut crashes = 0;
    for seed in 0..40 {
        let faults = Faults {
            crash_one_in: 150,
            loss_percent: 5,
            ..Faults::default()
        };
        let mut network = Network::new(4, seed, faults);
        network.run_to(15, 300 * SECOND);
        assert!(network.decided() >= 15, "seed {seed}");
        assert_eq!(network.halts, [], "seed {seed}");
        for index in 0..4 {
            assert_eq!(
                spectating(&network, index),
                [],
                "seed {seed}: the log was enough"
            );
        }
        crashes += network.crashes;
    }
    assert!(crashes > 300, "{crashes} crashes");
}

#[test]
fn resumes_after_all_lose_power_at_any_moment() {
    for seed in 0..40 {
        let mut network = Network::new(4, seed, Faults::default());
        network.run_to(3, 60 * SECOND);
        network.run_for(std::time::Duration::from_millis(3 * seed));
        let reached = network.decided();
        for index in 0..4 {
            network.crash(index);
        }
        network.run_for(SECOND);
        for index in 0..4 {
            network.start(index);
        }
        network.run_for(10 * SECOND);
        assert!(network.decided() > reached + 2, "seed {seed}");
        assert_eq!(network.halts, [], "seed {seed}");
    }
}

#[test]
fn follows_without_signing_while_the_log_is_behind_the_guard() {
    let mut network = Network::new(4, 3, Faults::default());
    network.run_to(5, 60 * SECOND);
    // All stop in the middle of a height that it has signed something for.
    let signed = |network: &Network| {
        let (guard, _) = super::super::guard::decode(&network.nodes[1].guard).unwrap();
        let length = network.nodes[1].chain.len();
        let together = network.nodes.iter().all(|node| node.chain.len() == length);
        together && guard.height() == length as u64 + 1
    };
    while !signed(&network) {
        network.run_for(SECOND / 1_000);
    }
    let height = network.nodes[1].chain.len() as u64 + 1;
    (0..4).for_each(|index| network.crash(index));
    network.nodes[1].log.clear();
    (0..4).for_each(|index| network.start(index));
    network.run_for(5 * SECOND);
    assert_eq!(spectating(&network, 1), [SpectatorReason::LogBehindGuard]);
    let machine = network.nodes[1].machine.as_ref().unwrap();
    assert!(
        machine.status(network.now).signing(),
        "at the next height it signs again"
    );
    assert!(network.nodes[1].chain.len() as u64 > height);
}

#[test]
fn watches_ten_heights_after_the_guard_is_lost() {
    let mut network = Network::new(4, 4, Faults::default());
    network.run_to(5, 60 * SECOND);
    lose_memory(&mut network, 1);
    network.start(1);
    network.events.clear();
    network.run_for(20 * SECOND);
    let mut heights = network
        .events
        .iter()
        .filter_map(|(who, event)| match event {
            ConsensusEvent::Spectating { height, reason } if *who == 1 => {
                assert_eq!(*reason, SpectatorReason::Watching);
                Some(*height)
            }
            _ => None,
        });
    let watched = heights.by_ref().count();
    assert!(watched + 1 >= WATCH_HEIGHTS as usize, "{watched} heights");
    let machine = network.nodes[1].machine.as_ref().unwrap();
    assert!(machine.status(network.now).signing());
    assert!(network.events.contains(&(1, ConsensusEvent::SigningAgain)));
}

#[test]
fn a_network_that_lost_every_guard_resumes_after_the_quiet_time() {
    let mut network = Network::new(4, 4, Faults::default());
    network.run_to(5, 60 * SECOND);
    for index in 0..4 {
        lose_memory(&mut network, index);
    }
    network.run_for(SECOND);
    for index in 0..4 {
        network.start(index);
    }
    let reached = network.decided();
    network.run_for(20 * SECOND);
    assert_eq!(network.decided(), reached, "nobody signs yet");
    network.run_for(25 * SECOND);
    assert!(network.decided() > reached);
}

#[test]
fn what_was_watched_is_not_replayed_once_the_node_signs_again() {
    let mut network = Network::new(4, 9, Faults::default());
    network.run_to(5, 60 * SECOND);
    for index in 0..4 {
        lose_memory(&mut network, index);
    }
    network.run_for(SECOND);
    (0..4).for_each(|index| network.start(index));
    let reached = network.decided();
    let signs = |network: &Network, index: usize| {
        let machine = network.nodes[index].machine.as_ref();
        machine.is_some_and(|machine| machine.status(network.now).signing())
    };
    while !(0..4).all(|index| signs(&network, index)) {
        network.run_for(SECOND / 1_000);
    }
    assert_eq!(
        network.decided(),
        reached,
        "they sign in the middle of a height"
    );
    network.run_for(SECOND / 50);
    (0..4).for_each(|index| network.crash(index));
    (0..4).for_each(|index| network.start(index));
    network.run_for(60 * SECOND);
    assert!(network.decided() > reached);
}

#[test]
fn a_second_copy_of_a_key_makes_the_first_one_stop() {
    // Machine 3 is started with the key of machine 0, on a disk of its own.
    let mut network = Network::new(4, 8, Faults::default());
    network.run_to(5, 60 * SECOND);
    foreign_vote(&mut network);
    assert_eq!(spectating(&network, 0), [SpectatorReason::Watching]);
    let machine = network.nodes[0].machine.as_ref().unwrap();
    assert!(!machine.status(network.now).signing());
}

/// A vote that node 0 did not make, with its key.
fn foreign_vote(network: &mut Network) {
    let vote = starling_ledger::vote::Vote {
        vote_type: starling_ledger::vote::VoteType::Precommit,
        height: network.nodes[0].chain.len() as u64 + 1,
        round: 0,
        block: None,
        validator: key(0),
    };
    let foreign = vote.sign(&super::GENESIS, &KeyedSigner(key(0)));
    let message = starling_gossip::message::ConsensusMessage::Vote(foreign);
    let input = super::super::Input::Message {
        from: None,
        message,
    };
    network.run_for(std::time::Duration::from_millis(5));
    network.input(0, input);
}

fn restart(network: &mut Network, index: usize) {
    network.crash(index);
    network.events.clear();
    network.start(index);
}

fn is_signing(network: &Network, index: usize) -> bool {
    let machine = network.nodes[index].machine.as_ref();
    machine.is_some_and(|machine| machine.status(network.now).signing())
}

#[test]
fn a_restart_begins_the_watch_again_and_does_not_end_it() {
    let mut network = Network::new(4, 8, Faults::default());
    network.run_to(5, 60 * SECOND);
    foreign_vote(&mut network);
    for _ in 0..3 {
        network.run_for(SECOND / 2);
        restart(&mut network, 0);
        network.run_for(SECOND / 2);
        assert!(spectating(&network, 0).contains(&SpectatorReason::Watching));
        assert!(!is_signing(&network, 0));
    }
    network.run_for(40 * SECOND);
    let watched = spectating(&network, 0);
    let watched = watched
        .iter()
        .filter(|reason| **reason == SpectatorReason::Watching);
    assert!(watched.count() + 1 >= WATCH_HEIGHTS as usize);
    assert!(network.events.contains(&(0, ConsensusEvent::SigningAgain)));
    assert!(is_signing(&network, 0));
}

#[test]
fn a_restart_while_the_guard_is_lost_begins_the_watch_again() {
    let mut network = Network::new(4, 4, Faults::default());
    network.run_to(5, 60 * SECOND);
    lose_memory(&mut network, 1);
    network.start(1);
    network.run_for(SECOND);
    restart(&mut network, 1);
    network.run_for(SECOND / 2);
    assert!(spectating(&network, 1).contains(&SpectatorReason::Watching));
    assert!(!is_signing(&network, 1));
}

#[test]
fn a_restart_after_the_watch_is_an_ordinary_one() {
    let mut network = Network::new(4, 8, Faults::default());
    network.run_to(5, 60 * SECOND);
    foreign_vote(&mut network);
    while !network.events.contains(&(0, ConsensusEvent::SigningAgain)) {
        network.run_for(SECOND / 100);
    }
    network.run_for(SECOND / 50);
    restart(&mut network, 0);
    network.run_for(10 * SECOND);
    assert!(!spectating(&network, 0).contains(&SpectatorReason::Watching));
    assert!(is_signing(&network, 0));
}
