//! Connections that have sent no full head of a request: they give way where places run out.
//!
//! Whoever opens connections and says nothing, or a letter now and then, holds places that others
//! want (slow loris). So when all places are taken, the connection that has been waiting for a head
//! longest is closed, be it for the first or for the next one. A client with a request sends its
//! head at once, long before its turn to give way comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long an answer may be on its way to the socket after it was handed over. Our choice: what
/// is handed over last are some kilobytes.
const LAST_PIECES: Duration = Duration::from_millis(200);

/// The connections without a head, the longest waiting first.
#[derive(Default)]
pub(super) struct Headless(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    /// From when on it may be closed.
    since: Instant,
    leave: Arc<Notify>,
}

/// One connection.
pub(super) struct Ticket {
    headless: Arc<Headless>,
    number: Mutex<Option<u64>>,
    leave: Arc<Notify>,
}

impl Headless {
    /// Takes in a connection that was just accepted.
    pub(super) fn enter(self: &Arc<Self>) -> Arc<Ticket> {
        let ticket = Ticket {
            headless: Arc::clone(self),
            number: Mutex::default(),
            leave: Arc::default(),
        };
        ticket.wait_since(Instant::now());
        Arc::new(ticket)
    }

    /// Tells the connection that has waited longest to go, if there is one.
    pub(super) fn give_way(&self) {
        let now = Instant::now();
        let mut state = lock(&self.0);
        let may_go = |(number, one): (&u64, &Waiting)| (one.since <= now).then_some(*number);
        let oldest = state.waiting.iter().find_map(may_go);
        if let Some(one) = oldest.and_then(|number| state.waiting.remove(&number)) {
            one.leave.notify_one();
        }
    }
}

impl Ticket {
    /// Waits until the connection has to go.
    pub(super) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    /// A head has come.
    pub(super) fn heard(&self) {
        if let Some(number) = lock(&self.number).take() {
            lock(&self.headless.0).waiting.remove(&number);
        }
    }

    /// The answer was handed over, and the next head is waited for.
    pub(super) fn answered(&self) {
        self.wait_since(Instant::now() + LAST_PIECES);
    }

    fn wait_since(&self, since: Instant) {
        let mut state = lock(&self.headless.0);
        let number = state.next;
        state.next += 1;
        let leave = Arc::clone(&self.leave);
        state.waiting.insert(number, Waiting { since, leave });
        drop(state);
        *lock(&self.number) = Some(number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.heard();
    }
}

/// Whoever panicked has left no half-written state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(ticket: &Ticket) -> bool {
        let mut told = std::pin::pin!(ticket.told_to_leave());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        told.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn the_longest_waiting_goes_first_and_who_was_heard_stays() {
        let headless = Arc::new(Headless::default());
        let [first, second, third] = [(); 3].map(|()| headless.enter());
        first.heard();
        headless.give_way();
        let told = [&first, &second, &third].map(|ticket| is_told(ticket));
        assert_eq!(told, [false, true, false]);
        drop(third);
        headless.give_way();
        assert!(!is_told(&first));
    }

    #[test]
    fn who_was_answered_waits_again_but_not_before_the_answer_is_out() {
        let headless = Arc::new(Headless::default());
        let one = headless.enter();
        one.heard();
        one.answered();
        headless.give_way();
        assert!(!is_told(&one));
        assert_eq!(lock(&headless.0).waiting.len(), 1);
        drop(one);
        assert_eq!(lock(&headless.0).waiting.len(), 0);
    }
}
