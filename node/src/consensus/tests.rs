//! The machine in a small deterministic network: virtual time, seeded loss, crashes and offenders.

pub(super) mod keyed;
mod network;
mod recovery;
mod roll;
mod rules;
mod sets;
mod shell;

use std::time::Duration;

use starling_ledger::vote::Height;

use self::keyed::{GENESIS, KeyedHash, key};
use self::network::{Faults, Network, timing};
use super::ConsensusEvent;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn machines_agree_whatever_their_number() {
    for count in [1, 2, 4, 7] {
        let mut network = Network::new(count, 1, Faults::default());
        network.run_to(20, 60 * SECOND);
        assert_eq!(network.decided(), 20, "{count} machines");
        assert_eq!(network.faults_seen, [], "honest machines are not blamed");
    }
}

#[test]
fn stays_live_while_messages_are_lost() {
    for (loss_percent, limit) in [(20, 90 * SECOND), (40, 240 * SECOND)] {
        for seed in 0..10 {
            let faults = Faults {
                loss_percent,
                ..Faults::default()
            };
            let mut network = Network::new(4, seed, faults);
            network.run_to(15, limit);
            assert!(
                network.decided() >= 15,
                "seed {seed}, {loss_percent} % lost"
            );
        }
    }
}

#[test]
fn an_equivocator_is_convicted_and_changes_nothing() {
    for seed in 0..10 {
        let faults = Faults {
            equivocator: Some(2),
            loss_percent: 5,
            ..Faults::default()
        };
        let mut network = Network::new(4, seed, faults);
        network.run_to(10, 300 * SECOND);
        assert!(network.decided() >= 10, "seed {seed}");
        assert_eq!(network.halts, []);
        assert!(!network.evidence.is_empty());
        for evidence in &network.evidence {
            assert_eq!(evidence.key(), key(2), "only the offender is accused");
            assert_eq!(evidence.verify(&KeyedHash, &GENESIS), Ok(()));
        }
    }
}

#[test]
fn an_invalid_block_gets_nil_and_another_round() {
    let faults = Faults {
        invalid_at: 3,
        ..Faults::default()
    };
    let mut network = Network::new(4, 5, faults);
    network.run_to(4, 60 * SECOND);
    assert_eq!(network.decided(), 4);
    let third = &network.nodes[0].chain[2];
    assert!(third.round > 0, "round 0 had an invalid block");
    assert_eq!(network.halts, []);
}

#[test]
fn an_idle_network_makes_block_one_at_once_and_then_one_per_idle_time() {
    let faults = Faults {
        idle: true,
        ..Faults::default()
    };
    let mut network = Network::new(4, 6, faults);
    network.run_for(Duration::from_millis(1_300));
    assert_eq!(network.decided(), 1, "the roll is called first");
    network.run_for(10 * SECOND);
    let blocks = network.decided();
    assert!(
        (8..=11).contains(&blocks),
        "{blocks} blocks in ten idle times"
    );
}

#[test]
fn work_ends_idling_but_not_the_least_time_between_blocks() {
    let faults = Faults {
        idle: true,
        ..Faults::default()
    };
    let mut network = Network::new(4, 6, faults);
    network.run_for(Duration::from_millis(1_300));
    for index in 0..4 {
        network.input(index, super::Input::WorkToDo(true));
    }
    network.run_for(SECOND);
    assert!(network.decided() >= 5, "{}", network.decided());
    let times = network.commit_times.iter();
    let first: Vec<_> = times.filter(|(index, ..)| *index == 0).collect();
    for pair in first.windows(2) {
        assert!(pair[1].2.since(pair[0].2) >= timing().min_block);
    }
}

#[test]
fn a_halt_names_the_silent_and_ends_within_ten_seconds_of_healing() {
    let mut network = Network::new(4, 7, Faults::default());
    network.run_for(2 * SECOND);
    network.cut_off(1, true);
    network.cut_off(3, true);
    network.run_for(60 * SECOND);
    let halted = network
        .events
        .iter()
        .find_map(|(index, event)| match event {
            ConsensusEvent::Halted {
                present,
                total,
                silent,
            } if *index == 0 => Some((*present, *total, silent.clone())),
            _ => None,
        });
    assert_eq!(halted, Some((20, 40, vec![key(1), key(3)])));
    let machine = network.nodes[0].machine.as_ref().unwrap();
    let status = machine.status(network.now);
    assert_eq!(status.present_power, 20);
    let positions: Vec<_> = status
        .silent
        .iter()
        .map(|(position, _)| *position)
        .collect();
    assert_eq!(positions, [1, 3]);
    assert!(status.halted_since.is_some());
    let reached = network.decided() as Height;
    network.cut_off(1, false);
    network.cut_off(3, false);
    network.run_for(10 * SECOND);
    assert!(network.decided() as Height > reached);
    let resumed = (0, ConsensusEvent::Resumed);
    assert!(network.events.contains(&resumed));
    let machine = network.nodes[0].machine.as_ref().unwrap();
    assert_eq!(machine.status(network.now).halted_since, None);
}

#[test]
fn safe_and_live_under_mixed_faults() {
    for seed in 0..60 {
        let count = if seed % 2 == 0 { 4 } else { 7 };
        let faults = Faults {
            loss_percent: (seed % 5) * 7,
            crash_one_in: if seed % 3 == 0 { 0 } else { 400 },
            equivocator: (seed % 4 < 3).then_some(1),
            ..Faults::default()
        };
        let mut network = Network::new(count, seed, faults);
        network.run_to(8, 120 * SECOND);
        assert!(network.decided() >= 8, "seed {seed}");
        assert_eq!(
            (&network.halts[..], &network.faults_seen[..]),
            (&[][..], &[][..])
        );
    }
}
