//! What the transport is told at start.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;

use super::admission::Admission;

/// Everything that [`Transport::bind`](super::Transport::bind) needs.
pub struct TransportConfig {
    /// The node's key; its public half is the node's `PeerId`. Zeroed when dropped.
    pub key: SigningKey,
    /// The UDP address to listen on and dial from; port 0 asks for a free one.
    pub listen: SocketAddr,
    /// Whom to let in.
    pub admission: Arc<Admission>,
    /// How much of everything.
    pub limits: TransportLimits,
    /// How long to wait.
    pub timeouts: TransportTimeouts,
}

impl TransportConfig {
    /// Takes the defaults, which let everybody in.
    pub fn new(key: SigningKey, listen: SocketAddr) -> Self {
        Self {
            key,
            listen,
            admission: Arc::new(Admission::open()),
            limits: TransportLimits::default(),
            timeouts: TransportTimeouts::default(),
        }
    }
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("listen", &self.listen)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// How much the transport takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportLimits {
    /// Links that others dialed. 40: the overlay's 32 and room to take a better one before it
    /// lets a worse one go.
    pub inbound_links_max: usize,
    /// Links that we dialed, dials under way included. 24: the overlay's 8 + 2, four more in
    /// suspicion, and dials that try the next addresses. So 64 links in all.
    pub outbound_links_max: usize,
    /// Inbound connections of one address, loopback apart. 8: a household or an office behind one
    /// address.
    pub inbound_per_address_max: usize,
    /// Incoming handshakes under way. 256: at 0.6 ms each, a sixth of a second of one core.
    pub half_open_max: usize,
    /// Incoming handshakes above which an address has to be proven first. 32: never reached in
    /// peace, and a flood of forged packets costs nothing beyond it.
    pub prove_address_above: usize,
    /// Bytes of frames that may wait to be sent, on all links together. 32 MiB: some ranges of
    /// blocks on their way.
    pub queued_bytes_max: usize,
    /// Bytes of long frames that may be on their way in, on all links together. 32 MiB: as above.
    pub arriving_bytes_max: usize,
    /// Bytes a second that the sync lane of one link sends. 16 MiB: bulk that fills the
    /// bottleneck's own queue delays votes whatever their priority, so it is kept below the speed
    /// of ordinary links; a peer behind fetches from several.
    pub sync_bytes_per_second: u32,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            inbound_links_max: 40,
            outbound_links_max: 24,
            inbound_per_address_max: 8,
            half_open_max: 256,
            prove_address_above: 32,
            queued_bytes_max: 32 << 20,
            arriving_bytes_max: 32 << 20,
            sync_bytes_per_second: 16 << 20,
        }
    }
}

/// How long the transport waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportTimeouts {
    /// From a dial to open lanes both ways. 5 s: QUIC itself would give up at the idle timeout.
    pub dial: Duration,
    /// From an incoming packet to open lanes both ways. 5 s.
    pub handshake: Duration,
    /// Without any packet of the peer. 15 s: three keep-alives lost.
    pub idle: Duration,
    /// From a frame's first byte to its last. 30 s: 4 MiB at 140 kB/s.
    pub frame: Duration,
    /// For the peer to take one batch of frames. 30 s, as above.
    pub write: Duration,
    /// For the consensus lane to be taken before a link that we end is closed. 1 s: a farewell of
    /// some hundred bytes and a round trip around the world.
    pub drain: Duration,
    /// For all links together when the node shuts down, in place of `drain`. 500 ms: a round trip
    /// to anywhere, and little to wait for where a neighbour is gone without a word.
    pub farewell: Duration,
    /// For closed connections to answer what comes late when the node shuts down. 200 ms: QUIC asks
    /// for three probe timeouts (RFC 9000, section 10.2), which is half of that in a local network
    /// and seconds for a handshake that has just begun; whoever hears nothing waits for `idle`.
    pub linger: Duration,
}

impl Default for TransportTimeouts {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(15),
            frame: Duration::from_secs(30),
            write: Duration::from_secs(30),
            drain: Duration::from_secs(1),
            farewell: Duration::from_millis(500),
            linger: Duration::from_millis(200),
        }
    }
}
