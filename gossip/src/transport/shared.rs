//! What all tasks of a transport share: endpoint, limits, the table of links, the inbox.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::{Connection, Endpoint};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Duration, Instant};

use super::close::close;
use super::config::{TransportLimits, TransportTimeouts};
use super::gate::{Gate, GatePass};
use super::inbox::{Inbox, LinkFacts};
use super::lanes::Lanes;
use super::live_link::{LiveLink, run_link};
use super::pool::Pool;
use super::stats::Counters;
use super::tls::Tls;
use crate::link::{Direction, DisconnectReason, LinkFault, LinkId};
use crate::peer_id::PeerId;

/// The inside of a transport.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) tls: Tls,
    pub(super) quic: Arc<quinn::TransportConfig>,
    pub(super) limits: TransportLimits,
    pub(super) timeouts: TransportTimeouts,
    pub(super) gate: Arc<Gate>,
    /// Places for links that others dialed; a link keeps its own until the core knows its end.
    pub(super) inbound_slots: Arc<Semaphore>,
    /// Places for links that we dialed, and for dials.
    pub(super) outbound_slots: Arc<Semaphore>,
    pub(super) links: LinkTable,
    /// Bytes that may wait to be sent.
    pub(super) queued: Arc<Pool>,
    /// Bytes that long frames may take as they arrive.
    pub(super) arriving: Arc<Pool>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) counters: Counters,
    pub(super) tasks: Tasks,
    pub(super) is_closing: AtomicBool,
}

/// A connection on which everything is in place for it to become a link.
pub(super) struct ReadyLink {
    pub(super) connection: Connection,
    pub(super) lanes: Lanes,
    pub(super) peer: PeerId,
    pub(super) address: SocketAddr,
    pub(super) direction: Direction,
    pub(super) slot: OwnedSemaphorePermit,
    pub(super) pass: Option<GatePass>,
}

impl Shared {
    /// Makes a link of a connection, tells the core, and serves it.
    pub(super) fn start_link(self: &Arc<Self>, ready: ReadyLink) {
        if self.is_closing.load(Ordering::Acquire) {
            return close(&ready.connection, &DisconnectReason::ShuttingDown);
        }
        let ReadyLink {
            connection,
            lanes,
            peer,
            address,
            direction,
            slot,
            pass,
        } = ready;
        let link = self.links.add(|link| {
            LiveLink::new(
                LinkFacts {
                    link,
                    peer,
                    address,
                    direction,
                },
                connection,
                &self.queued,
            )
        });
        self.inbox.connected(link.facts, slot);
        self.tasks.spawn(run_link(self.clone(), link, lanes, pass));
    }
}

/// How long a peer may take nothing while others need the room of what waits for it. Our choice:
/// a link that lives takes some bytes in each round trip.
const STALLED: Duration = Duration::from_secs(2);

impl Shared {
    /// Ends the link of the peer that takes nothing and has most of the pool, if there is one.
    pub(super) fn relieve(&self) {
        let Some(before) = Instant::now().checked_sub(STALLED) else {
            return;
        };
        let links = self.links.all().into_iter();
        let stalled = links.filter_map(|link| Some((link.stalled(before)?, link)));
        if let Some(((_, lane), link)) = stalled.max_by_key(|(stalled, _)| *stalled) {
            link.fail(LinkFault::NotReading { lane });
        }
    }

    /// Ends the link whose long frame has been arriving longest, if that is long.
    pub(super) fn relieve_arriving(&self) {
        let Some(before) = Instant::now().checked_sub(STALLED) else {
            return;
        };
        let links = self.links.all().into_iter();
        let arriving = links.filter_map(|link| Some((link.arriving()?, link)));
        let slow = arriving.filter(|((since, _), _)| *since <= before);
        if let Some(((_, lane), link)) = slow.min_by_key(|(slow, _)| *slow) {
            link.fail(LinkFault::StalledFrame { lane });
        }
    }
}

/// The links that are up or on their way down; as many as there are slots.
#[derive(Default)]
pub(super) struct LinkTable {
    links: Mutex<Links>,
    removed: Notify,
}

#[derive(Default)]
struct Links {
    next: u64,
    up: BTreeMap<LinkId, Arc<LiveLink>>,
}

impl LinkTable {
    fn add(&self, make: impl FnOnce(LinkId) -> LiveLink) -> Arc<LiveLink> {
        let mut links = self.lock();
        let id = LinkId(links.next);
        links.next += 1;
        let link = Arc::new(make(id));
        links.up.insert(id, link.clone());
        link
    }

    /// Finds a link.
    pub(super) fn find(&self, link: LinkId) -> Option<Arc<LiveLink>> {
        self.lock().up.get(&link).cloned()
    }

    /// Returns all links.
    pub(super) fn all(&self) -> Vec<Arc<LiveLink>> {
        self.lock().up.values().cloned().collect()
    }

    /// Returns how many links there are.
    pub(super) fn count(&self) -> usize {
        self.lock().up.len()
    }

    /// Forgets a link that has ended.
    pub(super) fn remove(&self, link: LinkId) {
        self.lock().up.remove(&link);
        self.removed.notify_one();
    }

    /// Waits until there are no links. One caller at a time.
    pub(super) async fn emptied(&self) {
        while self.count() > 0 {
            self.removed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts tasks and counts those that run.
pub(super) struct Tasks {
    runtime: Handle,
    running: watch::Sender<usize>,
}

impl Tasks {
    /// Starts tasks on `runtime`.
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: watch::Sender::new(0),
        }
    }

    /// Starts a task.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.send_modify(|running| *running += 1);
        let guard = Running(self.running.clone());
        self.runtime.spawn(async move {
            let _guard = guard;
            task.await;
        });
    }

    /// Returns how many tasks run.
    pub(super) fn running(&self) -> usize {
        *self.running.borrow()
    }

    /// Waits until no task runs.
    pub(super) async fn ended(&self) {
        let mut running = self.running.subscribe();
        // It cannot fail: the sender lives in self.
        let _ = running.wait_for(|running| *running == 0).await;
    }
}

struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
