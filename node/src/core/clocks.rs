//! Clocks: by how much neighbours' differ from this one, and which validator's is ahead.
//!
//! A neighbour tells its time after each pong. How long the answer took bounds how wrong the
//! difference may be; what that bound explains is not held against anybody. Whose clock is wrong,
//! the middle of all neighbours decides: who lies to one node makes it show a wrong word, and no
//! more, since nothing else is decided by it.
//!
//! A validator is named only by its own signature: a proposal of it came too early.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_gossip::{Instant, PeerId};
use starling_ledger::address::AccountId;

use crate::node_state::DRIFT_MAX_MS;

/// How long a proposal that came too early is held against its proposer. Our choice: each has its
/// turn in that time in all but large networks.
const REMEMBERS: Duration = Duration::from_secs(60);
/// Most proposers that are remembered: as many as validators.
const PROPOSERS_MAX: usize = 1_000;

/// What is known of clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Neighbours: theirs less ours, and by how much that may be wrong, milliseconds.
    told: BTreeMap<PeerId, (i64, i64)>,
    /// Proposers that were too early: when, and by how much.
    early: BTreeMap<AccountId, (Instant, u64)>,
}

impl Clocks {
    /// Takes a neighbour's time, after a ping that took `round_trip`.
    pub(super) fn told(&mut self, peer: PeerId, times: (u64, u64), round_trip: Duration) {
        let (theirs_ms, ours_ms) = times;
        let way_ms = i64::try_from(round_trip.as_millis() / 2).unwrap_or(i64::MAX);
        let difference = i128::from(theirs_ms) - i128::from(ours_ms) + i128::from(way_ms);
        let difference = i64::try_from(difference).unwrap_or(i64::MAX);
        self.told.insert(peer, (difference, way_ms));
    }

    /// Forgets a neighbour.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.told.remove(peer);
    }

    /// Takes note of a proposal by `account` that is `ahead_ms` ahead of this clock.
    pub(super) fn proposed(&mut self, now: Instant, account: AccountId, ahead_ms: u64) {
        if ahead_ms <= DRIFT_MAX_MS {
            self.early.remove(&account);
        } else if self.early.len() < PROPOSERS_MAX || self.early.contains_key(&account) {
            self.early.insert(account, (now, ahead_ms));
        }
    }

    /// Returns how many neighbours told their time.
    pub(super) fn count(&self) -> usize {
        self.told.len()
    }

    /// Returns a neighbour's clock less ours.
    pub(super) fn of(&self, peer: &PeerId) -> Option<i64> {
        self.told.get(peer).map(|(difference, _)| *difference)
    }

    /// Returns by how much this clock is ahead of the middle one of the neighbours.
    pub(super) fn offset_ms(&self) -> Option<i64> {
        self.middle().map(|(difference, _)| -difference)
    }

    /// The same, if it is more than it may be and than may be measured wrongly.
    pub(super) fn own_ms(&self) -> Option<i64> {
        let (difference, way_ms) = self.middle()?;
        let sure = difference
            .unsigned_abs()
            .saturating_sub(way_ms.unsigned_abs());
        (sure > DRIFT_MAX_MS).then_some(-difference)
    }

    /// The one nearest to ours of the two in the middle where their number is even: with as many
    /// neighbours wrong as right this clock gets the benefit.
    fn middle(&self) -> Option<(i64, i64)> {
        let mut all: Vec<_> = self.told.values().copied().collect();
        all.sort_unstable();
        let upper = *all.get(all.len() / 2)?;
        let lower = *all.get((all.len() - 1) / 2)?;
        Some(std::cmp::min_by_key(lower, upper, |(difference, _)| {
            difference.unsigned_abs()
        }))
    }

    /// Returns the validator whose proposals were the furthest ahead of late.
    pub(super) fn early(&self, now: Instant) -> Option<(AccountId, u64)> {
        let late = self
            .early
            .iter()
            .filter(|(_, (at, _))| now.since(*at) <= REMEMBERS);
        let late = late.map(|(account, (_, ahead_ms))| (*account, *ahead_ms));
        late.max_by_key(|(_, ahead_ms)| *ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_000_000;

    /// Clocks of neighbours that are ahead of ours by so many milliseconds, two milliseconds away.
    fn clocks(ahead_ms: &[i64]) -> Clocks {
        let mut clocks = Clocks::default();
        for (ahead_ms, number) in ahead_ms.iter().zip(0u8..) {
            let theirs = NOW_MS.saturating_add_signed(*ahead_ms - 1);
            let peer = PeerId([number; 32]);
            clocks.told(peer, (theirs, NOW_MS), Duration::from_millis(2));
        }
        clocks
    }

    #[test]
    fn the_middle_of_the_neighbours_decides_whose_clock_is_wrong() {
        assert_eq!(clocks(&[]).own_ms(), None);
        assert_eq!(clocks(&[-5_000; 3]).own_ms(), Some(5_000));
        assert_eq!(
            clocks(&[0, 5_000, 10]).own_ms(),
            None,
            "one of them is fast"
        );
        assert_eq!(clocks(&[0, 5_000]).own_ms(), None, "one against one");
        assert_eq!(clocks(&[5_000]).own_ms(), Some(-5_000));
        assert_eq!(clocks(&[400; 3]).own_ms(), None);
        assert_eq!(clocks(&[400; 3]).offset_ms(), Some(-400));
    }

    #[test]
    fn what_a_slow_answer_explains_is_no_difference() {
        let mut clocks = Clocks::default();
        let peer = PeerId([1; 32]);
        clocks.told(peer, (NOW_MS, NOW_MS), Duration::from_secs(2));
        assert_eq!((clocks.of(&peer), clocks.own_ms()), (Some(1_000), None));
        clocks.forget(&peer);
        assert_eq!(clocks.count(), 0);
    }

    #[test]
    fn who_proposes_too_early_is_named_until_it_does_not() {
        let (fast, other) = (AccountId([1; 32]), AccountId([2; 32]));
        let mut clocks = Clocks::default();
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        clocks.proposed(at(1), fast, 5_000);
        clocks.proposed(at(2), other, 900);
        clocks.proposed(at(2), other, 0);
        assert_eq!(clocks.early(at(10)), Some((fast, 5_000)));
        assert_eq!(clocks.early(at(62)), None);
    }
}
