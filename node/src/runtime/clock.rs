//! The clocks of a real machine.

use std::time::{SystemTime, UNIX_EPOCH};

use starling_gossip::time::Instant;

use crate::core::Now;

/// Reads monotonic and wall time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    /// Starts at monotonic zero.
    pub(super) fn start() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }

    /// Returns the time.
    pub(super) fn now(&self) -> Now {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now {
            instant: Instant(micros),
            wall_ms: wall_ms(),
        }
    }

    /// Returns the tokio instant of one of the core's.
    pub(super) fn at(&self, instant: Instant) -> tokio::time::Instant {
        self.start + std::time::Duration::from_micros(instant.0)
    }
}

/// Returns milliseconds since 1970; zero for a clock before that.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
