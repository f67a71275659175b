//! Memory that answers share until they are sent.
//!
//! An answer takes its share before it is made, as much as making it may need, and gives back what
//! it did not; so at no time is there more of them than fits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const KIB: usize = 1024;

/// What all answers may take together.
pub(super) struct Budget {
    kib: Arc<Semaphore>,
    kib_max: usize,
}

/// What one answer has taken; given back when it is dropped.
pub(super) struct Share(OwnedSemaphorePermit);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let kib_max = bytes / KIB;
        Self {
            kib: Arc::new(Semaphore::new(kib_max)),
            kib_max,
        }
    }

    /// Takes so many bytes, or all there are, if they are free now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Share> {
        let kib = Arc::clone(&self.kib);
        let share = kib.try_acquire_many_owned(self.wanted(bytes));
        share.ok().map(Share)
    }

    /// Takes so many bytes, or all there are, when it is the caller's turn; `None` if that does not
    /// come in time.
    pub(super) async fn take(&self, bytes: usize, deadline: Duration) -> Option<Share> {
        let kib = Arc::clone(&self.kib);
        let share = timeout(deadline, kib.acquire_many_owned(self.wanted(bytes)));
        share.await.ok()?.ok().map(Share)
    }

    /// Returns what is taken, in bytes.
    pub(super) fn taken_bytes(&self) -> usize {
        self.kib_max.saturating_sub(self.kib.available_permits()) * KIB
    }

    fn wanted(&self, bytes: usize) -> u32 {
        let kib = bytes.div_ceil(KIB).min(self.kib_max);
        u32::try_from(kib).unwrap_or(u32::MAX)
    }
}

impl Share {
    /// Gives back all but so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let unused = self.0.num_permits().saturating_sub(bytes.div_ceil(KIB));
        drop(self.0.split(unused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_never_more_taken_than_there_is() {
        let budget = Budget::new(100 * KIB);
        let mut first = budget.try_take(60 * KIB).unwrap();
        assert!(budget.try_take(41 * KIB).is_none());
        first.shrink_to(10 * KIB + 1);
        assert_eq!(budget.taken_bytes(), 11 * KIB);
        let second = budget.try_take(89 * KIB).unwrap();
        assert!(budget.try_take(1).is_none());
        drop((first, second));
        assert_eq!(budget.taken_bytes(), 0);
    }

    #[test]
    fn what_wants_more_than_there_is_takes_all() {
        let budget = Budget::new(100 * KIB);
        let all = budget.try_take(usize::MAX).unwrap();
        assert_eq!(budget.taken_bytes(), 100 * KIB);
        drop(all);
    }

    #[tokio::test]
    async fn a_turn_comes_when_others_are_done_or_not_in_time() {
        let budget = Budget::new(100 * KIB);
        let first = budget.try_take(100 * KIB).unwrap();
        let soon = Duration::from_millis(10);
        assert!(budget.take(KIB, soon).await.is_none());
        drop(first);
        assert!(budget.take(KIB, soon).await.is_some());
    }
}
