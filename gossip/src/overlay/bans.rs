//! Peers that are not talked to for a while, by key.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::peer_id::PeerId;
use crate::time::Instant;

/// Most bans; the one that ends first makes room. Our choice: keys are free, so that more would not
/// keep an attacker out.
pub const MAX_BANS: usize = 1_024;

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// When it ends; the end of time if a person has to lift it.
    pub until: Instant,
    /// Why.
    pub reason: String,
}

/// The bans of a node.
#[derive(Clone, Debug, Default)]
pub struct Bans(BTreeMap<PeerId, Ban>);

impl Bans {
    /// Bans a peer for `duration`, or until lifted; never shortens a ban.
    pub fn insert(&mut self, peer: PeerId, now: Instant, duration: Option<Duration>, why: String) {
        self.0.retain(|_, ban| ban.until > now);
        if self.0.len() >= MAX_BANS {
            let first = self.0.iter().min_by_key(|(_, ban)| ban.until);
            if let Some(peer) = first.map(|(peer, _)| *peer) {
                self.0.remove(&peer);
            }
        }
        let until = duration.map_or(Instant(u64::MAX), |duration| now + duration);
        let ban = self
            .0
            .entry(peer)
            .or_insert_with(|| Ban { until, reason: why });
        ban.until = ban.until.max(until);
    }

    /// Lifts a ban.
    pub fn remove(&mut self, peer: PeerId) {
        self.0.remove(&peer);
    }

    /// Returns the ban of a peer, if it has one.
    pub fn find(&self, peer: PeerId, now: Instant) -> Option<&Ban> {
        self.0.get(&peer).filter(|ban| ban.until > now)
    }

    /// Visits the bans, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &Ban)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_end_and_are_bounded() {
        let mut bans = Bans::default();
        let peer = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            PeerId(key)
        };
        bans.insert(
            peer(0),
            Instant(0),
            Some(Duration::from_secs(1)),
            String::new(),
        );
        assert!(bans.find(peer(0), Instant(999_999)).is_some());
        assert!(bans.find(peer(0), Instant(1_000_000)).is_none());
        for number in 0..2 * MAX_BANS {
            bans.insert(peer(number), Instant(0), None, String::new());
        }
        assert_eq!(bans.iter().count(), MAX_BANS);
    }
}
