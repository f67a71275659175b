//! Chance: numbers drawn from the seed of a run, one independent stream per purpose.
//!
//! With streams apart, a change in what the load draws does not change which frames are lost. The
//! generator is not that of a node, so that a network stays the one its seed stands for when what
//! nodes draw changes.
//!
//! # Source
//! SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).

use std::time::Duration;

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Begins the stream for `purpose` of the run `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let hash = blake3::keyed_hash(&Self::key(seed), purpose.as_bytes());
        let (head, _) = hash
            .as_bytes()
            .split_first_chunk()
            .expect("a hash has 32 bytes");
        Self(u64::from_le_bytes(*head))
    }

    fn key(seed: u64) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key
    }

    /// Draws any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// Draws from `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Says yes in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Draws a position below `length`; 0 if that is 0.
    pub fn position(&mut self, length: usize) -> usize {
        let drawn = self.below(u64::try_from(length).unwrap_or(u64::MAX));
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Draws a duration of `low..=high` microseconds.
    pub fn micros(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low, high))
    }

    /// Draws a duration of `low..=high` milliseconds, to the microsecond.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        self.micros(low.saturating_mul(1_000), high.saturating_mul(1_000))
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.position(last + 1);
            items.swap(last, chosen);
        }
    }
}
