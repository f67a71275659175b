//! Chance that is handed in: a small generator with a seed, so that a run can be replayed.
//!
//! Not for secrets: it spreads dials and choices over time and peers.
//!
//! # Source
//! SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).

use std::time::Duration;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence; the runtime seeds it from the operating system.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is bound / 2^64: no choice here could show it.
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Returns a duration between three and five quarters of `base`, so that peers which lost each
    /// other at the same moment do not meet again at the same moment.
    pub fn jitter(&mut self, base: Duration) -> Duration {
        let micros = u64::try_from(base.as_micros()).unwrap_or(u64::MAX / 2);
        Duration::from_micros(micros / 4 * 3 + self.below(micros / 2 + 1))
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(chosen).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_sequences() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| one.next() == other.next()));
        assert_ne!(Random::new(1).next(), Random::new(2).next());
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let mut random = Random::new(1);
        let base = Duration::from_millis(100);
        let drawn: Vec<_> = (0..200).map(|_| random.jitter(base)).collect();
        let bounds = Duration::from_millis(75)..=Duration::from_millis(125);
        assert!(drawn.iter().all(|jittered| bounds.contains(jittered)));
        assert!(drawn.iter().any(|jittered| *jittered < base));
        assert!(drawn.iter().any(|jittered| *jittered > base));
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Random::new(3).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
