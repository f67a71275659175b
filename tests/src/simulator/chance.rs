//! Chance: numbers drawn from the seed of a run, one independent stream per purpose.
//!
//! With streams apart, a change in what the load draws does not change which frames are lost.

use std::time::Duration;

use starling_gossip::random::Random;

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Chance(Random);

impl Chance {
    /// Begins the stream for `purpose` of the run `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let hash = blake3::keyed_hash(&Self::key(seed), purpose.as_bytes());
        let (head, _) = hash
            .as_bytes()
            .split_first_chunk()
            .expect("a hash has 32 bytes");
        Self(Random::new(u64::from_le_bytes(*head)))
    }

    fn key(seed: u64) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key
    }

    /// Draws any number.
    pub const fn number(&mut self) -> u64 {
        self.0.next()
    }

    /// Draws from `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Says yes in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// Draws a position below `length`; 0 if that is 0.
    pub fn position(&mut self, length: usize) -> usize {
        let drawn = self.0.below(u64::try_from(length).unwrap_or(u64::MAX));
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
        self.0.shuffle(items);
    }
}
