//! How even the pace of a run is: waits between blocks, and nodes that decide later than others.

use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::vote::Height;

/// Heights that do not count: nodes begin one after the other.
const WARM_UP: Height = 20;

/// What was decided when.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// When the first node decided each height.
    first: Vec<Instant>,
    longest: Duration,
    latest: Duration,
}

impl Pace {
    /// A node decides a block.
    pub fn decided(&mut self, height: Height, now: Instant) {
        let Some(place) = usize::try_from(height)
            .ok()
            .and_then(|one| one.checked_sub(1))
        else {
            return;
        };
        let before = place
            .checked_sub(1)
            .and_then(|place| self.first.get(place))
            .copied();
        if place == self.first.len() {
            self.first.push(now);
        }
        let counts = height > WARM_UP;
        if let Some(first) = self.first.get(place).copied().filter(|_| counts) {
            self.latest = self.latest.max(now.since(first));
            let before = before.unwrap_or(first);
            self.longest = self.longest.max(first.since(before));
        }
    }

    /// Returns the mean time from one block to the next, milliseconds.
    #[must_use]
    pub fn mean_ms(&self) -> u64 {
        let counted = self
            .first
            .iter()
            .skip(usize::try_from(WARM_UP).unwrap_or_default());
        let (count, mut ends) = (counted.len(), counted);
        let Some((first, last)) = ends.next().zip(ends.next_back()) else {
            return 0;
        };
        let passed = u64::try_from(last.since(*first).as_millis()).unwrap_or(u64::MAX);
        passed / u64::try_from(count - 1).unwrap_or(u64::MAX)
    }

    /// Returns the longest time from one block to the next, milliseconds.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        u64::try_from(self.longest.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns by how much a node was later than the first with the same block at most,
    /// milliseconds.
    #[must_use]
    pub fn latest_ms(&self) -> u64 {
        u64::try_from(self.latest.as_millis()).unwrap_or(u64::MAX)
    }
}
