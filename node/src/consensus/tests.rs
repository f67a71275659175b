//! The machine in a small deterministic network: virtual time, seeded loss, crashes and offenders.

mod network;

use std::time::Duration;

use self::network::{Faults, Network};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn four_and_seven_machines_agree() {
    for count in [1, 4, 7] {
        let mut network = Network::new(count, 1, Faults::default());
        network.run_to(20, 60 * SECOND);
        assert_eq!(network.decided(), 20, "{count} machines");
    }
}

#[test]
fn stays_live_at_twenty_percent_loss() {
    for seed in 0..10 {
        let faults = Faults {
            loss_percent: 20,
            ..Faults::default()
        };
        let mut network = Network::new(4, seed, faults);
        network.run_to(15, 300 * SECOND);
        assert_eq!(network.decided(), 15, "seed {seed}");
    }
}
