//! The simulator: whole networks of the product's own core, in virtual time, with faults from a
//! seed.
//!
//! Every node is a [`starling_node::core::Core`], the code that ships; only its shell is another: a
//! network that loses, doubles, delays and cuts, disks that forget what was not synced, clocks that
//! are wrong. All chance comes from one seed, so a run replays event for event, which [`trace`]
//! proves.
//!
//! A run has two phases. In the first everything goes wrong that may go wrong, and safety is
//! judged; then all faults end, and the network has to go on by itself within the time that it
//! promises. The judges are the [`oracles`].
//!
//! # Invariants
//! Nothing here reads a clock, the environment or the operating system's chance; maps are ordered.

pub mod adversary;
pub mod chance;
pub mod config;
pub mod faults;
pub mod keys;
pub mod load;
pub mod log_files;
pub mod mempool_files;
pub mod network;
pub mod node;
pub mod oracles;
pub mod pace;
pub mod queue;
pub mod report;
pub mod stage;
pub mod stakers;
pub mod trace;
pub mod ways;
pub mod world;

pub use config::{Config, Planted};
pub use keys::Signatures;
pub use report::{Failure, Report};
pub use stakers::Staking;
pub use ways::Way;

use world::World;

/// Runs one network to its end.
///
/// # Errors
/// The first oracle that did not hold.
///
/// # Panics
/// Where the product does.
pub fn run(config: &Config) -> Result<Report, Box<Failure>> {
    let mut world = World::new(config.clone()).map_err(|breach| {
        let (config, at) = (config.clone(), starling_gossip::Instant::START);
        Box::new(Failure {
            config,
            breach,
            at,
            heights: Vec::new(),
        })
    })?;
    world
        .run()
        .map_err(|breach| Box::new(world.failure(breach)))
}
