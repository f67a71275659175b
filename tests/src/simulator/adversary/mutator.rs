//! A validator whose frames arrive garbled: a bit flipped, cut short, too long, of another lane, or
//! old.

use bytes::Bytes;
use starling_gossip::{Lane, LinkId};

use super::Adversary;
use crate::simulator::chance::Chance;

/// Frames in 100 that are garbled.
const GARBLED_PERCENT: u64 = 20;
/// Old frames kept to be sent again.
const KEPT_MAX: usize = 64;

/// Garbles what it sends.
pub struct Mutator {
    chance: Chance,
    kept: Vec<Bytes>,
}

impl Mutator {
    /// Makes one.
    #[must_use]
    pub fn new(seed: u64, index: usize) -> Self {
        Self {
            chance: Chance::new(seed, &format!("mutator {index}")),
            kept: Vec::new(),
        }
    }

    fn garble(&mut self, lane: Lane, bytes: &Bytes) -> Bytes {
        let mut garbled = bytes.to_vec();
        let position = self.chance.position(garbled.len());
        match self.chance.between(0, 4) {
            0 | 1 => {
                let bit = self.chance.position(8);
                garbled[position] ^= 1 << bit;
            }
            2 => garbled.truncate(position.max(1)),
            3 => garbled.push(self.chance.number().to_le_bytes()[0]),
            _ => {
                let old = self.kept.get(self.chance.position(self.kept.len()));
                garbled = old.map_or(garbled, |old| old.to_vec());
            }
        }
        garbled.truncate(lane.frame_bytes_max());
        garbled.into()
    }
}

impl Adversary for Mutator {
    fn outgoing(&mut self, _: LinkId, lane: Lane, bytes: Bytes) -> Vec<Bytes> {
        let position = self.chance.position(KEPT_MAX);
        match self.kept.get_mut(position) {
            Some(kept) => *kept = bytes.clone(),
            None => self.kept.push(bytes.clone()),
        }
        if self.chance.percent(GARBLED_PERCENT) {
            vec![self.garble(lane, &bytes), bytes]
        } else {
            vec![bytes]
        }
    }

    fn hears(&mut self, _: Lane, _: &Bytes) -> bool {
        true
    }
}
