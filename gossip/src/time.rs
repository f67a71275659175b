//! Time as the machines see it: microseconds since an arbitrary start, always passed in.
//!
//! The runtime starts it with the process, the simulator with the run; no machine reads a clock.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A point in time, in microseconds since an arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// The start.
    pub const START: Self = Self(0);

    /// Returns the time since `earlier`, zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Returns the moment `duration` before this one, the start if there is none.
    pub fn before(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// Returns the whole milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Adds, and stays at the end of time where that would overflow.
    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturates_at_both_ends() {
        assert_eq!(Instant(u64::MAX) + Duration::MAX, Instant(u64::MAX));
        assert_eq!(Instant(1).since(Instant(2)), Duration::ZERO);
        assert_eq!(Instant(1).before(Duration::MAX), Instant::START);
        assert_eq!(
            (Instant(5) + Duration::from_millis(2))
                .since(Instant(5))
                .as_micros(),
            2_000
        );
    }

    #[test]
    fn prints_seconds_with_microseconds() {
        assert_eq!(Instant(1_000_002).to_string(), "1.000002 s");
    }
}
