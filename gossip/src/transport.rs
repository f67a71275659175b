//! The QUIC transport: authenticated links between peers that carry opaque frames on five lanes.
//!
//! It knows nothing of transactions, blocks or who should be connected to whom; the pure core
//! decides all that and sees links only as [`TransportEvent`]s. This is the one place in this
//! package with sockets, tasks and clocks, and no type of quinn shows outside: another transport
//! would be another folder. `WIRE.md` describes what goes over the wire.
//!
//! One UDP socket dials and accepts. One connection is one link; each lane is one stream per
//! direction. Both sides prove an ed25519 key inside the handshake, where the lists of
//! [`Admission`] are asked; nothing of ours is said to a stranger before.
//!
//! # Left to the core
//! - *Hello*: a link is up once the peer's first frame on the consensus lane has come; how long to
//!   wait for it.
//! - *Ping with a deadline*: QUIC's own keep-alive holds a link to a peer that never reads.
//! - *Two links to one peer*, after simultaneous dials: both are reported, the core ends one.
//! - *What to leave out* when [`Transport::send`] says that a lane is full.
//!
//! # Invariants
//! - A dial ends in exactly one `Connected` or `DialFailed`.
//! - Of each link: `Connected`, then frames, then one `Disconnected`.
//! - A full lane of a peer delays no other lane and no other peer.
//!
//! # Limits
//! 64 links in all ([`TransportLimits`]). A link whose peer neither reads nor stops sending costs
//! at most 5.5 MiB inside QUIC and about one in our own queues. What its long frames take beyond
//! that comes from two pools that all links share, one for frames that wait to be sent and one for
//! those that arrive; where a pool is spent, the link gives way that has held most of the one, or
//! has taken longest for one frame of the other.
//!
//! # Source
//! RFC 9000 and 9001 (QUIC), RFC 8446 (TLS 1.3), RFC 7250 (raw public keys), RFC 8410 (ed25519 in
//! SubjectPublicKeyInfo).

mod admission;
mod close;
mod config;
mod dial;
mod events;
mod frame;
mod gate;
mod identity;
mod inbox;
mod lane_reader;
mod lane_writer;
mod lanes;
mod listener;
mod live_link;
mod pool;
#[cfg(any(test, fuzzing))]
pub mod probe;
mod quic;
mod send_queue;
mod shared;
#[expect(clippy::disallowed_types, reason = "the one socket of the package")]
mod socket;
mod stats;
mod tls;
mod verifier;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use admission::{Admission, MAX_LISTED_KEYS};
pub use close::MAX_CLOSE_TEXT_BYTES;
pub use config::{TransportConfig, TransportLimits, TransportTimeouts};
pub use events::{TransportEvent, TransportEvents};
pub use inbox::inbox_bytes_max;
pub use quic::{LANE_WINDOW, RECEIVE_WINDOW, SEND_WINDOW};
pub use send_queue::{MAX_QUEUED_FRAMES, queued_bytes_max};
pub use socket::{BindError, SocketBuffers, UDP_BUFFER_BYTES};
pub use stats::{LaneStats, LinkStats, TransportStats};
pub use tls::ALPN;

use close::{CLOSE_SHUTDOWN, clean_text};
use dial::run_dial;
use gate::Gate;
use inbox::Inbox;
use listener::listen;
use pool::Pool;
use quic::quic_config;
use shared::{LinkTable, Shared, Tasks};
use stats::Counters;
use tls::Tls;

use crate::lane::{Lane, PerLane};
use crate::link::{DialFailure, DisconnectReason, LinkId, SendError};
use crate::peer_id::PeerId;

/// Bytes that quinn keeps of incoming connections until the listener has judged them, each and in
/// all. Our choice: some first packets each, and a flood's worth in all.
const INCOMING_BUFFER_BYTES: u64 = 64 << 10;
const INCOMING_BUFFERS_BYTES: u64 = 4 << 20;

/// The sending side of the transport. Dropping it ends all links at once; see [`Self::close`].
pub struct Transport {
    shared: Arc<Shared>,
    address: SocketAddr,
    buffers: SocketBuffers,
}

impl Transport {
    /// Binds the socket and starts to listen, on the current tokio runtime.
    ///
    /// # Errors
    /// [`BindError`], which tells an address in use apart.
    ///
    /// # Panics
    /// If there is no current tokio runtime.
    pub fn bind(config: TransportConfig) -> Result<(Self, TransportEvents), BindError> {
        let TransportConfig {
            key,
            listen: wanted,
            admission,
            limits,
            timeouts,
        } = config;
        let (socket, buffers) = socket::bind(wanted)?;
        let io_error = |source| BindError::Io {
            address: wanted,
            source,
        };
        let address = socket.local_addr().map_err(io_error)?;
        let tls = Tls::new(key, admission);
        let quic = quic_config(timeouts.idle);
        let mut server = ServerConfig::with_crypto(Arc::new(tls.server()));
        server
            .transport_config(quic.clone())
            .migration(false)
            .max_incoming(limits.half_open_max)
            .incoming_buffer_size(INCOMING_BUFFER_BYTES)
            .incoming_buffer_size_total(INCOMING_BUFFERS_BYTES);
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, runtime)
            .map_err(io_error)?;
        let inbox = Arc::new(Inbox::default());
        let shared = Arc::new(Shared {
            endpoint,
            tls,
            quic,
            limits,
            timeouts,
            gate: Gate::new(&limits),
            inbound_slots: Arc::new(Semaphore::new(limits.inbound_links_max)),
            outbound_slots: Arc::new(Semaphore::new(limits.outbound_links_max)),
            links: LinkTable::default(),
            queued: Arc::new(Pool::new(limits.queued_bytes_max)),
            arriving: Arc::new(Pool::new(limits.arriving_bytes_max)),
            inbox: inbox.clone(),
            counters: Counters::default(),
            tasks: Tasks::new(Handle::current()),
            is_closing: AtomicBool::new(false),
        });
        shared.tasks.spawn(listen(shared.clone()));
        Ok((
            Self {
                shared,
                address,
                buffers,
            },
            TransportEvents::new(inbox),
        ))
    }

    /// Returns the address that is listened on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the node's own id.
    pub fn id(&self) -> PeerId {
        self.shared.tls.me
    }

    /// Returns what kernel buffers the host granted.
    pub fn socket_buffers(&self) -> SocketBuffers {
        self.buffers
    }

    /// Starts to dial; ends in one `Connected` or `DialFailed` event.
    ///
    /// With `expected`, only that peer is accepted. Without, whoever answers is, and the event
    /// tells who: trust on first use, so that one address suffices to join. The ledger's own
    /// proofs do not rest on it.
    ///
    /// # Errors
    /// [`DialFailure::NoFreeLink`], [`DialFailure::SelfDial`] and [`DialFailure::ShuttingDown`] if
    /// there is nothing to start; no event comes then.
    pub fn dial(&self, address: SocketAddr, expected: Option<PeerId>) -> Result<(), DialFailure> {
        if self.shared.is_closing.load(Ordering::Acquire) {
            return Err(DialFailure::ShuttingDown);
        }
        if expected == Some(self.id()) {
            return Err(DialFailure::SelfDial);
        }
        let slots = self.shared.outbound_slots.clone();
        let slot = slots
            .try_acquire_owned()
            .map_err(|_| DialFailure::NoFreeLink)?;
        self.shared
            .tasks
            .spawn(run_dial(self.shared.clone(), address, expected, slot));
        Ok(())
    }

    /// Queues a frame of 1 to [`Lane::frame_bytes_max`] bytes; never waits.
    ///
    /// # Errors
    /// [`SendError`]; the frame is not queued then.
    pub fn send(&self, link: LinkId, lane: Lane, frame: Bytes) -> Result<(), SendError> {
        let found = self.shared.links.find(link).ok_or(SendError::NoLink)?;
        let sent = found.send(lane, frame);
        if sent == Err(SendError::PoolFull) {
            self.shared.relieve();
        }
        sent
    }

    /// Says whether a long frame for `peer` would be taken on a lane where nothing waits; `None` if
    /// there is no link with it.
    pub fn is_free_for(&self, peer: &PeerId, lane: Lane) -> Option<bool> {
        let links = self.shared.links.all();
        let own = links.iter().filter(|link| link.facts.peer == *peer);
        let waiting = own.map(|link| link.queue(lane).bytes()).max()?;
        let has_room = self.shared.queued.free() > lane.frame_bytes_max();
        if !has_room {
            self.shared.relieve();
        }
        Some(waiting == 0 && has_room)
    }

    /// Returns how many bytes wait on a lane of a link before QUIC takes them, at most
    /// [`queued_bytes_max`]; 0 if there is no such link.
    pub fn queued_bytes(&self, link: LinkId, lane: Lane) -> usize {
        self.shared
            .links
            .find(link)
            .map_or(0, |link| link.queue(lane).bytes())
    }

    /// Ends a link. What waits on the consensus lane is still sent, for a second at most; then the
    /// peer is told `text`, cut to [`MAX_CLOSE_TEXT_BYTES`] of printable ASCII. It should say
    /// nothing that the peer could not know.
    pub fn disconnect(&self, link: LinkId, text: &str) {
        if let Some(link) = self.shared.links.find(link) {
            link.leave(DisconnectReason::Local {
                text: clean_text(text.as_bytes()),
            });
        }
    }

    /// Reads all counters.
    pub fn stats(&self) -> TransportStats {
        let shared = &self.shared;
        TransportStats {
            links: shared.links.count(),
            half_open: shared.gate.half_open(),
            tasks: shared.tasks.running(),
            handshakes_failed: shared.counters.handshakes_failed.count(),
            turned_away: shared.counters.turned_away.count(),
            proofs_asked: shared.counters.proofs_asked.count(),
            frames_left: shared.inbox.frames_left(),
            lanes: PerLane::from_fn(|lane| shared.counters.lanes[lane].snapshot()),
        }
    }

    /// Reads round trip, UDP bytes and losses of a link.
    pub fn link_stats(&self, link: LinkId) -> Option<LinkStats> {
        self.shared.links.find(link).map(|link| link.stats())
    }

    /// Ends all links, telling the peers that the node is shutting down, and then the events.
    /// Takes at most [`TransportTimeouts::farewell`] and [`TransportTimeouts::linger`].
    pub async fn close(&self) {
        let shared = &self.shared;
        let TransportTimeouts {
            farewell, linger, ..
        } = shared.timeouts;
        shared.is_closing.store(true, Ordering::Release);
        for link in shared.links.all() {
            link.leave(DisconnectReason::ShuttingDown);
        }
        // The listener's own task ends with the endpoint, so links are waited for by their table.
        let _ = timeout(farewell, shared.links.emptied()).await;
        self.close_endpoint();
        let rest = async {
            shared.tasks.ended().await;
            shared.endpoint.wait_idle().await;
        };
        let _ = timeout(linger, rest).await;
        shared.inbox.close();
    }

    fn close_endpoint(&self) {
        let text = DisconnectReason::ShuttingDown.to_string();
        self.shared.endpoint.close(CLOSE_SHUTDOWN, text.as_bytes());
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.close_endpoint();
        self.shared.inbox.close();
    }
}
