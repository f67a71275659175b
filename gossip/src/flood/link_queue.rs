//! Transactions that wait for one neighbour's next batch.

use std::collections::VecDeque;
use std::time::Duration;

use starling_ledger::transaction::RawTransaction;

use crate::message::TransactionFrame;
use crate::time::Instant;

/// Bytes at which a batch goes out; only a single large transaction makes one longer.
pub(super) const BATCH_BYTES: usize = 16 << 10;
/// Batches sent at one time, so that a backlog leaves at 6 MB/s and not at once.
const MAX_BATCHES_PER_FLUSH: usize = 4;
/// Bytes that may wait for one neighbour; what is above is left out.
pub(super) const MAX_QUEUED_BYTES: usize = 4 << 20;
/// How long the first transaction of a batch waits (gossip.md, section 3.1): 5 ms when it is quiet,
const FLUSH_WHEN_QUIET: Duration = Duration::from_millis(5);
/// and 10 ms when batches follow one another.
const FLUSH_WHEN_BUSY: Duration = Duration::from_millis(10);

/// What waits for one neighbour.
#[derive(Debug, Default)]
pub(super) struct LinkQueue {
    waiting: VecDeque<RawTransaction>,
    bytes: usize,
    due: Option<Instant>,
    last_flush: Option<Instant>,
}

fn entry_bytes(raw: &RawTransaction) -> usize {
    raw.0.len() + TransactionFrame::ENTRY_HEADER_BYTES
}

impl LinkQueue {
    /// Adds a transaction; `false` if the queue is full.
    pub(super) fn push(&mut self, now: Instant, raw: RawTransaction) -> bool {
        let bytes = entry_bytes(&raw);
        if self.bytes + bytes > MAX_QUEUED_BYTES {
            return false;
        }
        self.bytes += bytes;
        self.waiting.push_back(raw);
        let busy = self
            .last_flush
            .is_some_and(|last| now.since(last) <= FLUSH_WHEN_BUSY);
        let pause = if busy {
            FLUSH_WHEN_BUSY
        } else {
            FLUSH_WHEN_QUIET
        };
        self.due = self.due.or(Some(now + pause));
        true
    }

    /// Returns when the next batch is due.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the batches that are due.
    pub(super) fn flush(&mut self, now: Instant) -> Vec<Vec<RawTransaction>> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let mut batches = Vec::new();
        while batches.len() < MAX_BATCHES_PER_FLUSH && !self.waiting.is_empty() {
            batches.push(self.take_batch());
        }
        self.last_flush = Some(now);
        self.due = (!self.waiting.is_empty()).then(|| now + FLUSH_WHEN_BUSY);
        batches
    }

    fn take_batch(&mut self) -> Vec<RawTransaction> {
        let mut batch = Vec::new();
        let mut size = TransactionFrame::PUSH_HEADER_BYTES;
        while let Some(raw) = self.waiting.pop_front() {
            let bytes = entry_bytes(&raw);
            if !batch.is_empty() && size + bytes > BATCH_BYTES {
                self.waiting.push_front(raw);
                break;
            }
            size += bytes;
            self.bytes -= bytes;
            batch.push(raw);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(bytes: usize) -> RawTransaction {
        RawTransaction(vec![7; bytes].into())
    }

    #[test]
    fn waits_five_milliseconds_and_sends_what_gathered() {
        let mut queue = LinkQueue::default();
        assert!(queue.push(Instant(0), transaction(100)));
        assert!(queue.push(Instant(3_000), transaction(100)));
        assert!(queue.flush(Instant(4_999)).is_empty());
        assert_eq!(queue.flush(Instant(5_000)), [vec![transaction(100); 2]]);
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn batches_are_bounded_and_a_backlog_is_paced() {
        let mut queue = LinkQueue::default();
        (0..1_000).for_each(|_| assert!(queue.push(Instant(0), transaction(200))));
        let batches = queue.flush(Instant(5_000));
        assert_eq!(batches.len(), MAX_BATCHES_PER_FLUSH);
        for batch in batches {
            assert!(TransactionFrame::Push(batch).encode().len() <= BATCH_BYTES);
        }
        assert_eq!(queue.due(), Some(Instant(15_000)));
    }

    #[test]
    fn leaves_out_what_is_above_its_limit() {
        let mut queue = LinkQueue::default();
        let taken = (0..1_000)
            .filter(|_| queue.push(Instant(0), transaction(16_000)))
            .count();
        assert!((200..=262).contains(&taken));
    }
}
