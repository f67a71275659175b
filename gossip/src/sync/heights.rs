//! What heights peers claim, and whom to believe.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_ledger::vote::Height;

use crate::fault::PeerFault;
use crate::link::LinkId;
use crate::peer_id::PeerId;
use crate::random::Random;
use crate::time::Instant;

/// Ranges asked of one peer at a time: one on its way while the other is read.
const MAX_REQUESTS_PER_PEER: u32 = 2;
/// How long a peer that did not deliver is not asked; it grows with every strike.
const DISTRUST: Duration = Duration::from_secs(10);
/// Strikes in a row after which a peer is let go.
const MAX_STRIKES: u32 = 4;

#[derive(Debug)]
struct Claim {
    peer: PeerId,
    height: Height,
    /// The lowest block it keeps, as far as it said.
    first: Height,
    asked: u32,
    strikes: u32,
    distrusted_until: Option<Instant>,
    /// Its last block was compared with ours by the node, or is about to be.
    looked_at: bool,
}

/// The heights that peers claim.
#[derive(Debug)]
pub(super) struct Claims(BTreeMap<LinkId, Claim>);

impl Claim {
    /// Says whether it claims to have the block at `height`.
    const fn has(&self, height: Height) -> bool {
        self.first <= height && height <= self.height
    }

    fn is_trusted(&self, now: Instant) -> bool {
        self.distrusted_until.is_none_or(|until| until <= now)
    }
}

impl Claims {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn add(&mut self, peer: PeerId, link: LinkId, height: Height) {
        let claim = Claim {
            peer,
            height,
            first: 1,
            asked: 0,
            strikes: 0,
            distrusted_until: None,
            looked_at: false,
        };
        self.0.insert(link, claim);
    }

    pub(super) fn remove(&mut self, link: LinkId) {
        self.0.remove(&link);
    }

    pub(super) fn set(&mut self, link: LinkId, height: Height) {
        if let Some(claim) = self.0.get_mut(&link) {
            claim.height = height;
        }
    }

    /// Says whether a peer has still to be looked at, and that it is now.
    pub(super) fn look_at(&mut self, link: LinkId) -> bool {
        let claim = self.0.get_mut(&link);
        claim.is_some_and(|claim| !std::mem::replace(&mut claim.looked_at, true))
    }

    pub(super) fn asked(&mut self, link: LinkId) {
        if let Some(claim) = self.0.get_mut(&link) {
            claim.asked += 1;
        }
    }

    /// The peer no longer keeps what is below `first`. It is not asked for that again.
    pub(super) fn pruned(&mut self, link: LinkId, first: Height) {
        if let Some(claim) = self.0.get_mut(&link) {
            claim.first = claim.first.max(first);
        }
    }

    /// One request of a link is over, however it ended.
    pub(super) fn answered(&mut self, link: LinkId) {
        if let Some(claim) = self.0.get_mut(&link) {
            claim.asked = claim.asked.saturating_sub(1);
        }
    }

    /// A range of the peer was good.
    pub(super) fn delivered(&mut self, link: LinkId) {
        if let Some(claim) = self.0.get_mut(&link) {
            claim.strikes = 0;
            claim.distrusted_until = None;
        }
    }

    /// The peer did not deliver what it claims to have.
    pub(super) fn strike(&mut self, now: Instant, link: LinkId) -> Result<(), PeerFault> {
        let Some(claim) = self.0.get_mut(&link) else {
            return Ok(());
        };
        if !claim.is_trusted(now) {
            // Two requests that were under way together are one failure.
            return Ok(());
        }
        claim.strikes += 1;
        claim.distrusted_until = Some(now + DISTRUST * claim.strikes);
        match claim.strikes {
            MAX_STRIKES.. => Err(PeerFault::UndeliveredHeight),
            _ => Ok(()),
        }
    }

    /// Chooses a trusted peer that claims `height`: the most reliable, then the least busy.
    pub(super) fn choose(
        &self,
        now: Instant,
        height: Height,
        random: &mut Random,
    ) -> Option<(LinkId, Height)> {
        let able = self.0.iter().filter(|(_, claim)| {
            claim.has(height) && claim.asked < MAX_REQUESTS_PER_PEER && claim.is_trusted(now)
        });
        let ranked =
            able.map(|(link, it)| ((it.strikes, it.asked, random.number()), *link, it.height));
        ranked.min().map(|(_, link, height)| (link, height))
    }

    /// Returns the highest height that a peer claims who delivered what it was last asked for, and
    /// has the block at `next` if it has any that is higher: what cannot be asked for cannot be
    /// found out to be a lie.
    pub(super) fn best(&self, now: Instant, next: Height) -> Height {
        let reliable =
            |claim: &&Claim| claim.strikes == 0 && claim.first <= next && claim.is_trusted(now);
        self.0
            .values()
            .filter(reliable)
            .map(|claim| claim.height)
            .max()
            .unwrap_or(0)
    }

    /// Returns the highest height that can be asked for, from `next` on: those on probation get
    /// their chance.
    pub(super) fn reach(&self, now: Instant, next: Height) -> Height {
        let able = |claim: &&Claim| claim.first <= next && claim.is_trusted(now);
        let trusted = self.0.values().filter(able);
        trusted.map(|claim| claim.height).max().unwrap_or(0)
    }

    /// Returns the highest height that any peer claims, also one that is not believed.
    pub(super) fn highest(&self) -> Height {
        let claimed = self.0.values().map(|claim| claim.height);
        claimed.max().unwrap_or(0)
    }

    /// Returns from which block on peers keep blocks, if all that claim more than the one before
    /// `next` no longer have `next` itself.
    pub(super) fn pruned_from(&self, next: Height) -> Option<Height> {
        let ahead = self.0.values().filter(|claim| claim.height >= next);
        let first = ahead.map(|claim| claim.first).min()?;
        (first > next).then_some(first)
    }

    /// Returns when the next distrusted peer may be asked again.
    pub(super) fn next_trusted(&self) -> Option<Instant> {
        self.0
            .values()
            .filter_map(|claim| claim.distrusted_until)
            .min()
    }

    /// Forgets distrust that is over.
    pub(super) fn forgive(&mut self, now: Instant) {
        for claim in self.0.values_mut().filter(|claim| claim.is_trusted(now)) {
            claim.distrusted_until = None;
        }
    }

    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.0.keys().copied()
    }

    pub(super) fn peer_of(&self, link: LinkId) -> Option<PeerId> {
        self.0.get(&link).map(|claim| claim.peer)
    }

    pub(super) fn link_of(&self, peer: PeerId) -> Option<LinkId> {
        self.0
            .iter()
            .find(|(_, claim)| claim.peer == peer)
            .map(|(link, _)| *link)
    }

    pub(super) fn height_of(&self, link: LinkId) -> Option<Height> {
        self.0.get(&link).map(|claim| claim.height)
    }
}
