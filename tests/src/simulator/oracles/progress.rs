//! O10: when faults end, the network goes on by itself.

use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::vote::Height;

use super::Breach;

/// Time to the first new block everywhere. trust.md: "resumes by itself within 10 s".
pub const RESUMES_IN: Duration = Duration::from_secs(10);
/// Heights that have to follow. test-cases.md, O10.
pub const HEIGHTS: Height = 5;
/// Time for each further height: an idle second, and a round that fails.
const EACH: Duration = Duration::from_secs(3);
/// How far apart nodes may be. test-cases.md, O10.
const APART_MAX: Height = 2;

/// Waits for a network to recover.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    since: Instant,
    from: Height,
}

impl Recovery {
    /// Begins when faults have ended and the greatest height is `from`.
    #[must_use]
    pub const fn new(since: Instant, from: Height) -> Self {
        Self { since, from }
    }

    /// Says whether all nodes are where they have to be.
    #[must_use]
    pub fn is_done(&self, heights: &[Height]) -> bool {
        let (low, high) = (heights.iter().min(), heights.iter().max());
        low.zip(high)
            .is_some_and(|(low, high)| *low >= self.from + HEIGHTS && high - low <= APART_MAX)
    }

    /// Returns by when each of the stages has to be reached.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let further = u32::try_from(HEIGHTS - 1).unwrap_or_default();
        self.since + RESUMES_IN + EACH * further
    }

    /// Judges the heights at `now`.
    ///
    /// # Errors
    /// The node that is late.
    pub fn check(&self, now: Instant, heights: &[Height]) -> Result<(), Breach> {
        let best = heights.iter().max().copied().unwrap_or_default();
        let waited = now.since(self.since);
        if waited > RESUMES_IN && best <= self.from {
            let what = format!("no block above {} after {} s", self.from, waited.as_secs());
            return Err(Breach::new("O10", what));
        }
        if now > self.deadline() && !self.is_done(heights) {
            let what = format!(
                "{} s after faults ended at height {} nodes are at {heights:?}",
                waited.as_secs(),
                self.from
            );
            return Err(Breach::new("O10", what));
        }
        Ok(())
    }
}
