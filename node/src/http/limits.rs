//! How much of the machine clients may take.

use std::time::Duration;

/// Bounds and deadlines of the HTTP interface.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Most connections at a time; others wait to be accepted. Each takes a file descriptor of the
    /// usual thousand, which the store and the peers need too.
    pub connections_max: usize,
    /// Most subscribers of `/events` at a time.
    pub subscribers_max: usize,
    /// Most reads of the chain at a time, each in a thread.
    pub reads_max: usize,
    /// How long a connection may take to send the head of a request, be it the first or the next
    /// one: so it is also how long a connection may be idle.
    pub header_deadline: Duration,
    /// How long the body of a request may take.
    pub body_deadline: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall_deadline: Duration,
    /// How long a request may wait for the chain or the core.
    pub answer_deadline: Duration,
    /// How often a silent `/events` says that it is alive. Some clients give up after five seconds
    /// of silence (httpx).
    pub keep_alive: Duration,
    /// How often it is looked whether the network stands still.
    pub watch_interval: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            subscribers_max: 100,
            reads_max: 4,
            header_deadline: Duration::from_secs(5),
            body_deadline: Duration::from_secs(5),
            stall_deadline: Duration::from_secs(15),
            answer_deadline: Duration::from_secs(5),
            keep_alive: Duration::from_secs(4),
            watch_interval: Duration::from_millis(250),
        }
    }
}
