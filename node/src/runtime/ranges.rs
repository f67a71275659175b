//! Ranges of blocks that neighbours asked for and that are not read yet.
//!
//! A range is read from the disk only when the neighbour has taken the one before, and while all
//! links together have room for it. So a neighbour that asks and does not read costs one range at
//! the most.
//!
//! # Limits
//! [`OF_PEER_MAX`] of one neighbour, which has at most a few links, wait as numbers.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use starling_gossip::transport::Transport;
use starling_gossip::{Lane, PeerId};
use starling_ledger::vote::Height;

/// Most ranges of one neighbour that wait. It asks for two at a time, and again when it has given
/// one up.
const OF_PEER_MAX: usize = 4;
/// How often it is looked whether a neighbour has taken what it was sent. Our choice: two ranges
/// of 2 MiB in 40 ms are more than its lane sends.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// A range: who asked, the height of the first block, and how many.
type Range = (PeerId, Height, u32);

/// The ranges that wait, in the order in which they were asked for.
#[derive(Default)]
pub(super) struct Ranges {
    waiting: VecDeque<Range>,
    /// Neighbours for whom one is being read.
    reading: BTreeSet<PeerId>,
}

impl Ranges {
    /// Takes in a range; `false` if too many of this neighbour wait.
    pub(super) fn push(&mut self, range: Range) -> bool {
        let own = self.waiting.iter().filter(|(peer, _, _)| *peer == range.0);
        let has_room = own.count() < OF_PEER_MAX;
        if has_room {
            self.waiting.push_back(range);
        }
        has_room
    }

    /// Says whether any waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A range for `peer` was read, or could not be.
    pub(super) fn was_read(&mut self, peer: &PeerId) {
        self.reading.remove(peer);
    }

    /// Returns the ranges that may be read now. `is_free` says whether a neighbour has taken all it
    /// was sent; `None` if it is gone.
    pub(super) fn due(&mut self, is_free: impl Fn(&PeerId) -> Option<bool>) -> Vec<Range> {
        let mut due = Vec::new();
        self.waiting.retain(|range| {
            if self.reading.contains(&range.0) {
                return true;
            }
            match is_free(&range.0) {
                None => false,
                Some(false) => true,
                Some(true) => {
                    self.reading.insert(range.0);
                    due.push(*range);
                    false
                }
            }
        });
        due
    }
}

/// Says whether `peer` has taken all blocks it was sent, and there is room for more.
pub(super) fn is_free(transport: &Transport, peer: &PeerId) -> Option<bool> {
    transport.is_free_for(peer, Lane::Sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerId = PeerId([1; 32]);
    const TWO: PeerId = PeerId([2; 32]);

    #[test]
    fn the_next_range_is_read_when_the_last_was_taken() {
        let mut ranges = Ranges::default();
        for from in [1, 65] {
            assert!(ranges.push((ONE, from, 64)));
        }
        assert!(ranges.push((TWO, 9, 1)));
        assert!(ranges.due(|_| Some(false)).is_empty());
        assert_eq!(ranges.due(|_| Some(true)), [(ONE, 1, 64), (TWO, 9, 1)]);
        assert!(ranges.due(|_| Some(true)).is_empty());
        ranges.was_read(&ONE);
        assert!(ranges.due(|_| Some(false)).is_empty());
        assert_eq!(ranges.due(|_| Some(true)), [(ONE, 65, 64)]);
        assert!(ranges.is_empty());
    }

    #[test]
    fn a_neighbour_that_is_gone_or_asks_too_much_waits_for_nothing() {
        let mut ranges = Ranges::default();
        let taken = (0..10).filter(|from| ranges.push((ONE, *from, 1)));
        assert_eq!(taken.count(), OF_PEER_MAX);
        assert!(ranges.push((TWO, 1, 1)));
        assert!(ranges.due(|_| None).is_empty());
        assert!(ranges.is_empty());
    }
}
