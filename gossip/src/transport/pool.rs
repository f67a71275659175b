//! Bytes that all links share.
//!
//! What a lane of a link may hold by itself is small; what is above comes from here, so that many
//! peers that do not read cost no more than one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that is shared out.
#[derive(Debug)]
pub(super) struct Pool {
    free: AtomicUsize,
}

impl Pool {
    pub(super) const fn new(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
        }
    }

    /// Takes so many bytes, if they are free.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let less = |free: usize| free.checked_sub(bytes);
        self.free.fetch_update(order.0, order.1, less).is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Returns how many bytes are free.
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }
}

/// What one frame has taken of a pool; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    pool: Arc<Pool>,
    bytes: usize,
}

impl Taken {
    /// Takes nothing yet.
    pub(super) const fn nothing_of(pool: Arc<Pool>) -> Self {
        Self { pool, bytes: 0 }
    }

    /// Takes more, up to so many bytes, if they are free.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.pool.take(more);
        if taken {
            self.bytes += more;
        }
        taken
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.pool.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_more_than_there_is() {
        let pool = Pool::new(10);
        assert!(pool.take(7) && !pool.take(4) && pool.take(3));
        pool.give(7);
        assert_eq!(pool.free(), 7);
    }
}
