//! Chance that is handed in: one seed, and a generator of its own for each purpose, so that a run
//! can be replayed.
//!
//! Some of what is drawn is told to peers (the numbers of a hello, those of pings, in which order
//! addresses are taught), and some decides whom this node dials, asks and believes. Who could tell
//! the second from the first would know where to stand. So every purpose has a key, derived from
//! the seed, and what one draws says nothing about another; nor does a number that was drawn say
//! which comes next.
//!
//! # Source
//! BLAKE3 as a key derivation function, and as a keyed hash of a counter (Aumasson, O'Connor,
//! Neves, Wilcox-O'Hearn, "BLAKE3", 2020, sections 4.2 and 5.3).

use std::fmt;
use std::time::Duration;

/// Numbers that one hash gives.
const NUMBERS: usize = 4;

/// The start of all chance of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

/// What numbers are drawn for. No two purposes share a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The salt of our hellos; told.
    Salt,
    /// The instance of our hellos; told.
    Instance,
    /// The numbers of our pings; told.
    Pings,
    /// The order in which we teach addresses; told.
    Teaching,
    /// Whom we dial, and when.
    Dials,
    /// Whom we ask for addresses, and when.
    Asks,
    /// Whom we ask for a block.
    Blocks,
    /// Whom we ask for a range of blocks.
    Ranges,
}

/// The generator of one purpose.
#[derive(Clone)]
pub struct Random {
    key: [u8; 32],
    counter: u64,
    /// What was drawn and not yet given, the next last.
    ready: [u64; NUMBERS],
    left: usize,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 8] = [
        Self::Salt,
        Self::Instance,
        Self::Pings,
        Self::Teaching,
        Self::Dials,
        Self::Asks,
        Self::Blocks,
        Self::Ranges,
    ];

    const fn context(self) -> &'static str {
        match self {
            Self::Salt => "starling v1 chance: salt of hellos",
            Self::Instance => "starling v1 chance: instance of hellos",
            Self::Pings => "starling v1 chance: numbers of pings",
            Self::Teaching => "starling v1 chance: order of taught addresses",
            Self::Dials => "starling v1 chance: dials",
            Self::Asks => "starling v1 chance: whom to ask for addresses",
            Self::Blocks => "starling v1 chance: whom to ask for a block",
            Self::Ranges => "starling v1 chance: whom to ask for a range",
        }
    }
}

impl Seed {
    /// Takes the bytes that the operating system gives.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes the seed of a run that is to be replayed.
    #[must_use]
    pub fn of(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self(bytes)
    }

    /// Returns the generator of a purpose, at its beginning.
    #[must_use]
    pub fn random(&self, purpose: Purpose) -> Random {
        Random {
            key: blake3::derive_key(purpose.context(), &self.0),
            counter: 0,
            ready: [0; NUMBERS],
            left: 0,
        }
    }
}

impl Random {
    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        if self.left == 0 {
            let hash = blake3::keyed_hash(&self.key, &self.counter.to_le_bytes());
            let (numbers, _) = hash.as_bytes().as_chunks();
            for (ready, bytes) in self.ready.iter_mut().zip(numbers) {
                *ready = u64::from_le_bytes(*bytes);
            }
            self.counter = self.counter.wrapping_add(1);
            self.left = NUMBERS;
        }
        self.left -= 1;
        self.ready.get(self.left).copied().unwrap_or_default()
    }

    /// Returns a number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is bound / 2^64: no choice here could show it.
        self.number().checked_rem(bound).unwrap_or(0)
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

impl fmt::Debug for Seed {
    /// Does not show it: logs are read by others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl fmt::Debug for Random {
    /// Does not show its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn dials(seed: u64) -> Random {
        Seed::of(seed).random(Purpose::Dials)
    }

    #[test]
    fn equal_seeds_give_equal_sequences() {
        let (mut one, mut other) = (dials(7), dials(7));
        assert!((0..100).all(|_| one.number() == other.number()));
        assert_ne!(dials(1).number(), dials(2).number());
    }

    #[test]
    fn no_two_purposes_share_a_number() {
        let numbers = Purpose::ALL.into_iter().flat_map(|purpose| {
            let mut random = Seed::of(7).random(purpose);
            (0..10_000).map(move |_| random.number())
        });
        let all: BTreeSet<_> = numbers.collect();
        assert_eq!(all.len(), Purpose::ALL.len() * 10_000);
    }

    #[test]
    fn what_is_shown_of_it_tells_nothing() {
        let random = dials(7);
        assert_eq!(format!("{:?}", Seed::of(7)), "Seed(…)");
        assert_eq!(format!("{random:?}"), "Random { .. }");
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let mut random = dials(1);
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
        dials(3).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
