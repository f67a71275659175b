//! What the HTTP side holds of a node: the chain on disk, the status, events, and a way to ask the
//! core.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use starling_gossip::PeerId;
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::Tip;
use starling_ledger::keys::PublicKey;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::core::{Answer, Event, Request, Status};
use crate::memory::MemoryPlan;

/// Most requests that wait for the core. Our choice: at 1 ms each, a second's worth.
pub(crate) const REQUESTS_MAX: usize = 1_024;
/// Most events a slow subscriber may lag behind before it is told of a gap.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// A request and where its answer goes.
pub(crate) type NumberedRequest = (Request, oneshot::Sender<Answer>);

/// An event with its running number since the start of the node.
#[derive(Clone, Debug)]
pub struct NumberedEvent {
    /// The number.
    pub index: u64,
    /// The event.
    pub event: Event,
}

/// The node is stopping, or too busy to take another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping or too busy")]
#[non_exhaustive]
pub struct Unavailable;

/// What a node was started as.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// How much memory it takes.
    pub memory: MemoryPlan,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// The key it signs votes with, where it was given one. Whether that is a validator's changes
    /// with the sets.
    pub validator_key: Option<PublicKey>,
    /// Whether the previous run ended without saying goodbye.
    pub unclean_start: bool,
}

/// Lines of the log that could not be written, counted by who writes them.
#[derive(Clone, Debug, Default)]
pub struct LostLines(Arc<AtomicU64>);

impl LostLines {
    /// Counts some more.
    pub fn add(&self, lines: u64) {
        self.0.fetch_add(lines, Ordering::Relaxed);
    }

    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A cheap handle on a running node.
#[derive(Clone)]
pub struct NodeHandle {
    chain: Arc<ChainStore>,
    peer_id: PeerId,
    about: About,
    requests: mpsc::Sender<NumberedRequest>,
    status: watch::Sender<Option<Arc<Status>>>,
    tip: watch::Sender<Option<Tip>>,
    events: broadcast::Sender<Arc<NumberedEvent>>,
    next_event: Arc<AtomicU64>,
    lost_lines: LostLines,
    folder: Arc<Path>,
}

impl NodeHandle {
    pub(crate) fn new(
        chain: Arc<ChainStore>,
        peer_id: PeerId,
        about: About,
        requests: mpsc::Sender<NumberedRequest>,
    ) -> Self {
        Self {
            chain,
            peer_id,
            about,
            requests,
            status: watch::Sender::new(None),
            tip: watch::Sender::new(None),
            events: broadcast::Sender::new(EVENTS_MAX),
            next_event: Arc::default(),
            lost_lines: LostLines::default(),
            folder: Path::new("").into(),
        }
    }

    /// Names the data folder, and shows how many lines of the log were lost.
    pub(crate) fn of(self, folder: &Path, lost_lines: LostLines) -> Self {
        let folder = folder.into();
        Self {
            folder,
            lost_lines,
            ..self
        }
    }

    /// Returns the data folder; empty where there is none.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns how many lines of the log could not be written.
    pub fn lost_lines(&self) -> u64 {
        self.lost_lines.count()
    }

    /// Returns the chain on disk.
    pub fn chain(&self) -> &ChainStore {
        &self.chain
    }

    /// Returns the id peers know this node by.
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Returns what the node was started as.
    pub const fn about(&self) -> About {
        self.about
    }

    /// Returns the latest status; `None` in the first moment of a node.
    pub fn status(&self) -> Option<Arc<Status>> {
        self.status.borrow().clone()
    }

    /// Subscribes to what happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<NumberedEvent>> {
        self.events.subscribe()
    }

    /// Asks the core.
    ///
    /// # Errors
    /// [`Unavailable`] if the node is stopping or has too many requests waiting.
    pub async fn ask(&self, request: Request) -> Result<Answer, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.requests
            .try_send((request, answer))
            .map_err(|_| Unavailable)?;
        answered.await.map_err(|_| Unavailable)
    }

    /// Returns the last block on disk with its state; `None` in the first moment of a node.
    pub fn tip(&self) -> Option<Tip> {
        self.tip.borrow().clone()
    }

    /// Waits for the next status.
    pub fn watch_status(&self) -> watch::Receiver<Option<Arc<Status>>> {
        self.status.subscribe()
    }

    pub(crate) fn publish(&self, status: Status, tip: &Tip) {
        if self
            .tip
            .borrow()
            .as_ref()
            .is_none_or(|shown| shown.height != tip.height)
        {
            self.tip.send_replace(Some(tip.clone()));
        }
        self.status.send_replace(Some(Arc::new(status)));
    }

    pub(crate) fn announce(&self, event: Event) {
        super::trace::trace(&event);
        let index = self.next_event.fetch_add(1, Ordering::Relaxed);
        // Nobody subscribed is no failure.
        let _ = self.events.send(Arc::new(NumberedEvent { index, event }));
    }
}
