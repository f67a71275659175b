//! Bodies that are wanted and missing: whom to ask for them, and when.
//!
//! Who sent the proposal is asked first, once the body had time to come by itself; then the other
//! neighbours, the nearest first. Each is given as long as its round trip says, and the longer the
//! more were asked in vain: a large body may be on its way. A neighbour that asks for what is
//! missing here too gets it when it comes.
//!
//! # Limits
//! [`WANTED_MAX`] bodies; of each, who was asked and who asks, at most all neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starling_gossip::{Instant, PeerId, RoundTrip};
use starling_ledger::block::BlockHash;

/// Most bodies that are wanted at a time. Our choice: as many as consensus may have claims for.
const WANTED_MAX: usize = 64;
/// How many times its patience a neighbour is given at most when others were asked in vain.
const PATIENCE_GROWS_TO: u32 = 4;
/// The most time that a neighbour is given.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// What is wanted at the current height.
#[derive(Default)]
pub(super) struct Wanted {
    bodies: BTreeMap<BlockHash, Want>,
    /// How many came so far.
    count: u64,
}

struct Want {
    number: u64,
    /// Who sent the proposal.
    sender: Option<PeerId>,
    next_ask: Instant,
    /// Who was asked since all were.
    asked: Vec<PeerId>,
    asks: u32,
    /// Neighbours that asked us.
    askers: BTreeSet<PeerId>,
}

/// A neighbour and how far it is.
pub(super) type Neighbour = (PeerId, RoundTrip);

impl Wanted {
    /// Wants a body that `sender` has named, and that is asked for at `next_ask`; the one that was
    /// wanted longest makes room.
    pub(super) fn want(&mut self, hash: BlockHash, sender: Option<PeerId>, next_ask: Instant) {
        if let Some(want) = self.bodies.get_mut(&hash) {
            want.sender = want.sender.or(sender);
            return;
        }
        if self.bodies.len() >= WANTED_MAX {
            let oldest = self.bodies.iter().min_by_key(|(_, want)| want.number);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                self.bodies.remove(&oldest);
            }
        }
        self.count += 1;
        let want = Want {
            number: self.count,
            sender,
            next_ask,
            asked: Vec::new(),
            asks: 0,
            askers: BTreeSet::new(),
        };
        self.bodies.insert(hash, want);
    }

    pub(super) fn contains(&self, hash: &BlockHash) -> bool {
        self.bodies.contains_key(hash)
    }

    /// A body is here; returns the neighbours that asked for it.
    pub(super) fn take(&mut self, hash: &BlockHash) -> BTreeSet<PeerId> {
        let want = self.bodies.remove(hash);
        want.map(|want| want.askers).unwrap_or_default()
    }

    /// A neighbour asks for a body; says whether it gets it when it comes.
    pub(super) fn asked_by(&mut self, peer: PeerId, hash: &BlockHash) -> bool {
        let want = self.bodies.get_mut(hash);
        want.is_some_and(|want| {
            want.askers.insert(peer);
            true
        })
    }

    /// A neighbour is gone.
    pub(super) fn remove_peer(&mut self, peer: &PeerId) {
        for want in self.bodies.values_mut() {
            want.askers.remove(peer);
        }
    }

    pub(super) fn clear(&mut self) {
        self.bodies.clear();
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.bodies.values().map(|want| want.next_ask).min()
    }

    /// Returns whom to ask for what now.
    pub(super) fn due(
        &mut self,
        now: Instant,
        neighbours: impl Fn() -> Vec<Neighbour>,
    ) -> Vec<(PeerId, BlockHash)> {
        let due = self
            .bodies
            .iter_mut()
            .filter(|(_, want)| want.next_ask <= now);
        let mut due = due.peekable();
        if due.peek().is_none() {
            return Vec::new();
        }
        let mut neighbours = neighbours();
        neighbours
            .sort_by_key(|(peer, round_trip)| (round_trip.mean().unwrap_or(Duration::MAX), *peer));
        due.filter_map(|(hash, want)| Some((want.ask(now, &neighbours)?, *hash)))
            .collect()
    }
}

impl Want {
    /// Chooses whom to ask: the sender of the proposal, then the nearest that was not asked.
    fn ask(&mut self, now: Instant, nearest_first: &[Neighbour]) -> Option<PeerId> {
        let fresh = |asked: &[PeerId]| {
            let mut fresh = nearest_first
                .iter()
                .filter(|(peer, _)| !asked.contains(peer));
            let sender = fresh.clone().find(|(peer, _)| Some(*peer) == self.sender);
            sender.or_else(|| fresh.next()).copied()
        };
        let chosen = fresh(&self.asked).or_else(|| {
            self.asked.clear();
            fresh(&[])
        });
        let Some((peer, round_trip)) = chosen else {
            self.next_ask = now + RoundTrip::default().answer();
            return None;
        };
        let grown = 1_u32.checked_shl(self.asks).unwrap_or(u32::MAX);
        let patience = round_trip.answer() * grown.min(PATIENCE_GROWS_TO);
        self.next_ask = now + patience.min(ANSWER_MAX);
        self.asks = self.asks.saturating_add(1);
        self.asked.push(peer);
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::hash::Hash;

    const BODY: BlockHash = BlockHash(Hash([7; 32]));

    const fn peer(number: u8) -> PeerId {
        PeerId([number; 32])
    }

    fn near(number: u8, millis: u64) -> Neighbour {
        let mut round_trip = RoundTrip::default();
        for _ in 0..50 {
            round_trip.measured(Duration::from_millis(millis));
        }
        (peer(number), round_trip)
    }

    fn neighbours() -> Vec<Neighbour> {
        vec![
            near(1, 90),
            near(2, 5),
            near(3, 40),
            (peer(4), RoundTrip::default()),
        ]
    }

    /// Lets time pass until somebody is asked; returns when that is, in milliseconds, and who.
    fn next(wanted: &mut Wanted) -> (u64, u8) {
        let at = wanted.next_deadline().unwrap();
        match &wanted.due(at, neighbours)[..] {
            [(peer, BODY)] => (at.as_millis(), peer.0[0]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn asks_the_sender_of_the_proposal_first_and_then_the_nearest() {
        let mut wanted = Wanted::default();
        wanted.want(BODY, Some(peer(3)), Instant(0));
        let asked: Vec<_> = (0..6).map(|_| next(&mut wanted).1).collect();
        assert_eq!(asked, [3, 2, 1, 4, 3, 2]);
    }

    #[test]
    fn gives_each_as_long_as_its_round_trip_says_and_more_after_asks_in_vain() {
        let mut wanted = Wanted::default();
        wanted.want(BODY, Some(peer(3)), Instant(1_000));
        // 2 * 40 + 15; twice 60, the least; four times 2 * 90 + 15; 200 are given to a stranger.
        let times: Vec<_> = (0..5).map(|_| next(&mut wanted).0).collect();
        assert_eq!(times, [1, 96, 216, 996, 1_796]);
    }

    #[test]
    fn a_sender_that_is_gone_or_comes_later_is_no_hindrance() {
        let mut wanted = Wanted::default();
        wanted.want(BODY, Some(peer(9)), Instant(0));
        assert_eq!(next(&mut wanted).1, 2);
        let mut wanted = Wanted::default();
        wanted.want(BODY, None, Instant(0));
        wanted.want(BODY, Some(peer(1)), Instant(0));
        assert_eq!(next(&mut wanted).1, 1);
        let nobody = wanted.due(Instant(u64::MAX / 2), Vec::new);
        assert_eq!(nobody, []);
    }

    #[test]
    fn whoever_asks_meanwhile_is_remembered_once() {
        let mut wanted = Wanted::default();
        assert!(!wanted.asked_by(peer(1), &BODY));
        wanted.want(BODY, None, Instant(0));
        for asker in [1, 2, 2, 3] {
            assert!(wanted.asked_by(peer(asker), &BODY));
        }
        wanted.remove_peer(&peer(3));
        assert_eq!(wanted.take(&BODY), [peer(1), peer(2)].into());
        assert!(!wanted.contains(&BODY));
    }

    #[test]
    fn what_was_wanted_longest_makes_room() {
        let mut wanted = Wanted::default();
        for byte in (0..=100).rev() {
            wanted.want(BlockHash(Hash([byte; 32])), None, Instant(0));
        }
        assert_eq!(wanted.bodies.len(), WANTED_MAX);
        assert!(wanted.contains(&BlockHash(Hash([0; 32]))));
    }
}
