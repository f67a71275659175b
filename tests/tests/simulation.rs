//! Simulated networks keep every promise, and the oracles find the bugs that are planted.

use std::ops::RangeInclusive;

use starling_tests::simulator::adversary::Role;
use starling_tests::simulator::{self, Config, Planted, Report, Signatures, Way};

fn hold(configs: impl IntoIterator<Item = Config>) -> Vec<Report> {
    let run = |config| simulator::run(&config).unwrap_or_else(|failure| panic!("{failure}"));
    configs.into_iter().map(run).collect()
}

fn drawn(seeds: RangeInclusive<u64>) -> impl Iterator<Item = Config> {
    seeds.map(|seed| Config::drawn(seed, 12))
}

/// Runs seeds until an oracle finds the bug; returns which one.
fn find(configs: impl IntoIterator<Item = Config>) -> Option<&'static str> {
    let mut results = configs.into_iter().map(|config| simulator::run(&config));
    results.find_map(|result| result.err().map(|failure| failure.breach.oracle))
}

#[test]
fn drawn_networks_are_safe_and_recover_first_half() {
    let reports = hold(drawn(1..=60));
    assert!(reports.iter().map(|report| report.crashes).sum::<u64>() > 60);
    assert!(
        reports
            .iter()
            .map(|report| report.rounds_above_0)
            .sum::<u64>()
            > 30
    );
    assert!(reports.iter().map(|report| report.synced).sum::<u64>() > 100);
}

#[test]
fn drawn_networks_are_safe_and_recover_second_half() {
    hold(drawn(61..=120));
}

/// Seed 85 once stood still: the others took their stake away while a founder that had been cut off
/// from the first block on watched, so that it held a third of the power.
#[test]
fn no_stake_moves_while_a_founder_has_still_to_watch() {
    hold(drawn(85..=85));
}

#[test]
fn a_calm_network_needs_no_second_round_once_all_take_part() {
    for nodes in [1, 4, 7] {
        // Whoever starts last has to hear the others first, and may miss its turn meanwhile.
        let [short, long] = [20, 40].map(|heights| Config::calm(3, nodes, heights));
        let reports: [Report; 2] = hold([short, long]).try_into().expect("two reports");
        let [short, long] = reports;
        assert_eq!(
            (long.rounds_above_0, long.synced),
            (short.rounds_above_0, 0)
        );
        assert!(short.transactions > 0);
    }
}

/// Blocks of a busy network on one machine come quicker than a budget by the second allowed. Each
/// neighbour passes each body on: bodies were dropped, and whoever had none waited for it.
#[test]
fn a_network_that_makes_many_blocks_a_second_never_waits_for_a_body() {
    let busy = |seed| Config {
        delay_ms: (0, 1),
        load_per_second: 150,
        ..Config::calm(seed, 4, 400)
    };
    for report in hold((501..=503).map(busy)) {
        assert!(report.mean_ms < 45, "{report:?}");
        assert_eq!((report.bodies_dropped, report.synced), (0, 0));
        assert!(
            report.latest_ms < 30 && report.longest_ms < 100,
            "{report:?}"
        );
    }
}

#[test]
fn one_seed_gives_one_trace() {
    for seed in [5, 8, 100] {
        let [one, other] = [Config::drawn(seed, 8), Config::drawn(seed, 8)]
            .map(|config| simulator::run(&config).unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!(one, other);
    }
    let traces = hold([1, 2].map(|seed| Config::calm(seed, 4, 3)));
    assert_ne!(traces[0].trace, traces[1].trace);
}

#[test]
fn real_signatures_change_nothing() {
    hold([Config {
        signatures: Signatures::Ed25519,
        ..Config::drawn(9, 5)
    }]);
}

#[test]
fn less_than_a_third_of_adversaries_do_no_harm() {
    // In a network that is not young, whoever starts late watches for ten heights, and is a third
    // that does not sign together with the adversary.
    let lossy = |seed| Config {
        loss_percent: 10,
        crashes: 1,
        young: true,
        ..Config::calm(seed, 4, 10)
    };
    for role in Role::ALL {
        hold((200..=203).map(|seed| Config {
            adversaries: vec![role],
            ..lossy(seed)
        }));
    }
    hold([Config {
        adversaries: vec![Role::Equivocator; 2],
        ..Config::calm(205, 7, 10)
    }]);
}

#[test]
fn nodes_that_only_follow_and_begin_late_catch_up() {
    let lossy = |seed| Config {
        loss_percent: 10,
        crashes: 2,
        ..Config::calm(seed, 4, 15)
    };
    hold((300..=303).map(|seed| Config {
        observers: 3,
        ..lossy(seed)
    }));
}

/// In seed 3 a validator that had lost its disk voted at block 1 again, and otherwise.
#[test]
fn a_validator_that_lost_its_disk_does_not_sign_what_it_may_have_signed() {
    let seeds = [3, 19, 40, 41, 55].into_iter().chain(60..=70);
    hold(seeds.map(|seed| Config {
        wipes: 1,
        observers: 1,
        loss_percent: 5,
        delay_ms: (1, 100),
        ..Config::calm(seed, 4, 20)
    }));
}

/// Each way in which a validator has signed twice before it had to hear the others.
#[test]
fn a_validator_that_comes_back_with_less_than_it_knew_does_not_sign_twice() {
    for way in Way::ALL {
        hold((1..=6).map(|seed| Config::way(seed, way)));
    }
}

#[test]
fn thirty_in_a_hundred_frames_lost_do_not_stop_the_network() {
    let reports = hold([Config {
        loss_percent: 30,
        ..Config::calm(7, 7, 20)
    }]);
    assert!(reports.iter().all(|report| report.height >= 20));
}

#[test]
fn finds_blocks_that_are_called_durable_too_early() {
    let planted = Some(Planted::CommitNotSynced);
    let crashing = |seed| Config {
        crashes: 4,
        ..Config::calm(seed, 4, 20)
    };
    assert_eq!(
        find((1..=5).map(|seed| Config {
            planted,
            ..crashing(seed)
        })),
        Some("O8")
    );
    assert_eq!(find((1..=5).map(crashing)), None);
}

#[test]
fn finds_votes_that_are_called_durable_too_early() {
    let planted = Some(Planted::LogNotSynced);
    let crashing = |seed| Config {
        crashes: 20,
        loss_percent: 20,
        ..Config::calm(seed, 4, 20)
    };
    // A node that lost what it signed may also keep the others from going on before it signs twice.
    let found = (1..=20).filter_map(|seed| {
        find([Config {
            planted,
            ..crashing(seed)
        }])
    });
    let found: Vec<_> = found.collect();
    assert!(found.contains(&"O7"), "{found:?}");
    assert!(
        found.iter().all(|oracle| ["O7", "O10"].contains(oracle)),
        "{found:?}"
    );
    assert_eq!(find((1..=5).map(crashing)), None);
}

/// Every submission that a node called accepted is still there after each start.
#[test]
fn what_was_accepted_and_what_waits_at_a_clean_stop_is_not_forgotten() {
    let busy = |seed| Config {
        crashes: 8,
        stops: 8,
        load_per_second: 60,
        partitions: 2,
        ..Config::calm(seed, 4, 20)
    };
    let reports = hold((400..=407).map(busy));
    assert!(reports.iter().all(|report| report.stops > 0));
    let kept = reports.iter().map(|report| report.promises_kept);
    assert!(kept.sum::<u64>() > 100);
}

#[test]
fn finds_submissions_that_are_called_durable_too_early() {
    let planted = Some(Planted::SubmissionsNotSynced);
    let crashing = |seed| Config {
        crashes: 8,
        partitions: 2,
        load_per_second: 60,
        ..Config::calm(seed, 4, 20)
    };
    assert_eq!(
        find((1..=5).map(|seed| Config {
            planted,
            ..crashing(seed)
        })),
        Some("O12")
    );
    assert_eq!(find((1..=5).map(crashing)), None);
}

#[test]
fn finds_signatures_that_nobody_checks() {
    let planted = Some(Planted::SignaturesUnchecked);
    let configs = (1..=5).map(|seed| Config {
        planted,
        ..Config::calm(seed, 4, 20)
    });
    assert_eq!(find(configs), Some("O6"));
}
