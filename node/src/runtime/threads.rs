//! Threads that end before their owner is gone.
//!
//! A process ends by tearing down what its libraries keep for all of it, the storage engine's locks
//! among that. A thread that still holds the store then takes the process down with it, and the
//! exit code. So every thread that holds it is one of these, and whoever owns one waits for it.

use std::io;
use std::thread::{Builder, JoinHandle};

/// A thread that is waited for when this is dropped.
///
/// # Invariants
/// What the thread waits for ends before: its owner declares the queue first and the thread after,
/// because fields are dropped in their order.
pub(super) struct Thread(Option<JoinHandle<()>>);

impl Thread {
    /// Starts a thread.
    ///
    /// # Errors
    /// An I/O error if the machine refuses.
    pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = Builder::new().name(name.to_owned());
        Ok(Self(Some(thread.spawn(work)?)))
    }

    /// Ends a rest of the thread, if it rests.
    pub(super) fn wake(&self) {
        if let Some(thread) = &self.0 {
            thread.thread().unpark();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A thread that panicked has said so; the node stops all the same.
            let _ = thread.join();
        }
    }
}
