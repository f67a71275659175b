//! O9: no queue grows without bound, and no node spins.

use starling_gossip::Instant;
use starling_node::core::KEEPS_MAX;

use super::Breach;
use crate::simulator::node::Life;

/// Most commits under way, as the product's disk thread takes them.
const COMMITS_MAX: usize = 256;
/// Most pieces of work under way: the product's checks, queues of its mempool, one of what waited
/// before the last stop, and its queue of blocks.
const WORKS_MAX: usize = 16 + 1 + 1 + 64;
/// Most writes to the log under way, as the product takes them.
const WRITES_MAX: usize = 1_024;
/// Most actions of one call. Our choice: a mempool offered to a new neighbour, frame by frame.
const ACTIONS_MAX: usize = 4_096;
/// Most wakes in one moment. Our choice: each of the machine's deadlines, several times over.
const WAKES_MAX: u32 = 64;

/// Counts wakes that do not move time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin {
    at: Instant,
    wakes: u32,
}

impl Spin {
    /// Notes a wake.
    ///
    /// # Errors
    /// If too many came in one moment.
    pub fn woken(&mut self, node: usize, now: Instant) -> Result<(), Breach> {
        self.wakes = if self.at == now { self.wakes + 1 } else { 0 };
        self.at = now;
        if self.wakes > WAKES_MAX {
            let what = format!(
                "node {} wants to be woken again and again at {now}",
                node + 1
            );
            return Err(Breach::new("O9", what));
        }
        Ok(())
    }
}

/// Judges how much a node has under way.
///
/// # Errors
/// The queue that is too long.
pub fn check(
    node: usize,
    life: &Life,
    (writes, keeps): (usize, usize),
    actions: usize,
) -> Result<(), Breach> {
    let queues = [
        ("commits", life.commits.len(), COMMITS_MAX),
        ("pieces of work", life.works, WORKS_MAX),
        ("writes to the log", writes, WRITES_MAX),
        ("submissions to keep", keeps, KEEPS_MAX),
        ("actions at once", actions, ACTIONS_MAX),
    ];
    match queues.into_iter().find(|(_, count, most)| count > most) {
        Some((name, count, most)) => {
            let what = format!("node {} has {count} {name}, at most {most}", node + 1);
            Err(Breach::new("O9", what))
        }
        None => Ok(()),
    }
}
