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

    /// Adds `count` tokens, up to as many as the bucket holds.
    pub fn grant(&mut self, count: u64) {
        let more = count.saturating_mul(PARTS);
        let full = u64::from(self.burst) * PARTS;
        self.parts = self.parts.saturating_add(more).min(full);
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

/// Votes, proposals and certificates that a peer may send for each of our blocks beside what it may
/// send each second: five times the votes of 100 validators.
const MESSAGES_PER_BLOCK: u64 = 1_000;
/// The same for blocks of the current height, and for asking for them: a neighbour pushes one, and
/// answers once.
const BODIES_PER_BLOCK: u64 = 4;

/// What one peer may cause on one link. All numbers are our choice: some times what an honest
/// neighbour needs at 100 validators.
///
/// How often it sends what belongs to a block depends on how quick the network is. So each of our
/// blocks, which no peer can make by itself, gives it room for the next.
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

    /// We have `count` more final blocks: makes room for what belongs to as many.
    pub fn grow(&mut self, count: u64) {
        self.messages
            .grant(count.saturating_mul(MESSAGES_PER_BLOCK));
        for budget in [&mut self.blocks, &mut self.block_requests] {
            budget.grant(count.saturating_mul(BODIES_PER_BLOCK));
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

    #[test]
    fn each_block_makes_room_for_the_next_however_quick_the_network_is() {
        let mut budgets = PeerBudgets::new(Instant(0));
        for block in 0..1_000 {
            // A hundred blocks a second, each pushed and answered once.
            let now = Instant(block * 10_000);
            assert!(budgets.blocks.take(now, 2), "block {block}");
            assert!(budgets.block_requests.take(now, 2), "block {block}");
            assert!(budgets.messages.take(now, 500), "block {block}");
            budgets.grow(1);
        }
        assert!(
            !budgets.blocks.take(Instant(10_000_000), 41),
            "no more than a burst"
        );
    }
}
