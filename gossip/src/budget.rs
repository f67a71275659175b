//! Token buckets: how much of something a peer may cause.

use crate::time::Instant;

/// Parts of a token, so that refilling by the microsecond loses nothing.
const PARTS: u64 = 1_000_000;

/// A token bucket that starts full.
#[derive(Clone, Debug)]
pub struct Budget {
    parts: u64,
    burst: u32,
    per_second: u32,
    at: Instant,
}

impl Budget {
    /// Makes a bucket of `burst` tokens, refilled by `per_second`.
    pub fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self {
            parts: u64::from(burst) * PARTS,
            burst,
            per_second,
            at: now,
        }
    }

    /// Takes `count` tokens if there are as many.
    pub fn take(&mut self, now: Instant, count: u32) -> bool {
        let elapsed_us = now.0.saturating_sub(self.at.0);
        let refill = elapsed_us.saturating_mul(u64::from(self.per_second));
        self.parts = self
            .parts
            .saturating_add(refill)
            .min(u64::from(self.burst) * PARTS);
        self.at = self.at.max(now);
        match self.parts.checked_sub(u64::from(count) * PARTS) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }
}

/// What one peer may cause on one link. All numbers are our choice: some times what an honest
/// neighbour needs at 100 validators and five blocks a second.
#[derive(Clone, Debug)]
pub struct PeerBudgets {
    /// Votes, proposals and certificates.
    pub messages: Budget,
    /// Calls and answers of the roll.
    pub rolls: Budget,
    /// Reports of what it has.
    pub haves: Budget,
    /// Pings that are answered.
    pub pings: Budget,
    /// Blocks of the current height that it sends.
    pub blocks: Budget,
    /// Blocks of the current height that it asks for.
    pub block_requests: Budget,
    /// Ranges that it asks for.
    pub range_requests: Budget,
    /// Times it asks for addresses.
    pub address_requests: Budget,
    /// Addresses it may teach.
    pub taught: Budget,
}

impl PeerBudgets {
    /// Makes full budgets.
    pub fn new(now: Instant) -> Self {
        Self {
            messages: Budget::new(10_000, 5_000, now),
            rolls: Budget::new(2_000, 1_000, now),
            haves: Budget::new(100, 50, now),
            pings: Budget::new(10, 2, now),
            blocks: Budget::new(40, 20, now),
            block_requests: Budget::new(40, 20, now),
            range_requests: Budget::new(32, 16, now),
            address_requests: Budget::new(4, 1, now),
            taught: Budget::new(256, 1, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn gives_the_burst_and_then_the_rate() {
        let start = Instant(5);
        let mut budget = Budget::new(3, 2, start);
        assert!(budget.take(start, 3));
        assert!(!budget.take(start, 1));
        assert!(!budget.take(start + Duration::from_millis(499), 1));
        assert!(budget.take(start + Duration::from_millis(500), 1));
        assert!(!budget.take(start + Duration::from_secs(100), 4));
    }
}
