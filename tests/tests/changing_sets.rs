//! Simulated networks whose validators change keep every promise.

use starling_tests::simulator::adversary::Role;
use starling_tests::simulator::oracles::staking::Figures;
use starling_tests::simulator::{self, Config, Report, Staking};

fn hold(configs: impl IntoIterator<Item = Config>) -> Vec<Report> {
    let run = |config| simulator::run(&config).unwrap_or_else(|failure| panic!("{failure}"));
    configs.into_iter().map(run).collect()
}

fn total(reports: &[Report], figure: impl Fn(&Figures) -> u64) -> u64 {
    reports.iter().map(|report| figure(&report.staking)).sum()
}

/// Seven validators and three nodes that may become some, with loss and crashes.
fn lossy(seed: u64, staking: Staking) -> Config {
    Config {
        observers: 3,
        loss_percent: 10,
        crashes: 4,
        staking,
        epoch_blocks: 3,
        load_per_second: 40,
        ..Config::calm(seed, 7, 40)
    }
}

#[test]
fn people_bond_unbond_and_name_other_keys_and_the_network_goes_on() {
    let reports = hold((400..=405).map(|seed| lossy(seed, Staking::Mixed)));
    assert!(total(&reports, |one| one.sets_changed) > 60);
    assert!(total(&reports, |one| one.sat_out) > 0);
}

#[test]
fn all_may_leave_at_once_and_come_back() {
    let exodus = |seed| Config {
        epoch_blocks: 2,
        observers: 1,
        load_per_second: 60,
        ..Config::calm(seed, 4, 60)
    };
    let reports = hold((420..=423).map(|seed| Config {
        staking: Staking::Exodus,
        ..exodus(seed)
    }));
    assert!(total(&reports, |one| one.sets_changed) > 20);
}

/// CHU-07; the thousand blocks of that case are `sim --staking churn --epoch 20 --heights 1000`.
#[test]
fn one_joins_and_one_leaves_every_twenty_blocks() {
    let reports = hold([Config {
        observers: 3,
        staking: Staking::Churn,
        epoch_blocks: 20,
        load_per_second: 40,
        loss_percent: 5,
        ..Config::calm(430, 7, 160)
    }]);
    assert!(total(&reports, |one| one.sets_changed) >= 5);
}

#[test]
fn who_signs_two_values_is_slashed_and_excluded_once() {
    let hostile = |seed, staking| Config {
        adversaries: vec![Role::Equivocator; 2],
        ..lossy(seed, staking)
    };
    for staking in [Staking::Off, Staking::Mixed, Staking::Exodus] {
        let reports = hold((440..=441).map(|seed| hostile(seed, staking)));
        assert_eq!(total(&reports, |one| one.punished), 4, "{staking}");
    }
}

#[test]
fn blocks_carry_the_precommits_that_came_late() {
    let reports = hold([4, 7].map(|nodes| Config::calm(450, nodes, 40)));
    let counted = total(&reports, |one| one.signatures);
    let all = total(&reports, |one| one.signatures_max);
    // A certificate is decided with two thirds; a block that follows at once may miss the rest.
    assert!(counted * 100 > all * 90, "{counted} of {all}");
}

#[test]
fn one_seed_gives_one_trace_also_where_validators_change() {
    let [one, other] = [(); 2].map(|()| hold([lossy(460, Staking::Mixed)]));
    assert_eq!(one, other);
}
