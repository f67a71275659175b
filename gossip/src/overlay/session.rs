//! One link: from connected to hello to up, its pings, and what its peer may still cause.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::budget::PeerBudgets;
use crate::fault::FaultPoints;
use crate::lane::Lane;
use crate::link::Direction;
use crate::message::Hello;
use crate::peer_id::PeerId;
use crate::round_trip::RoundTrip;
use crate::time::Instant;

/// How long a peer may take to say hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a peer is pinged.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// How long a peer may take to answer. With [`PING_EVERY`], a peer that is silent or does not read
/// ends within 20 s.
pub const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// A peer of which nothing came for this long does not answer: each pong is missed by more than any
/// way takes. Our choice; the link may still come back until [`PING_TIMEOUT`].
pub const QUIET_AFTER: Duration = Duration::from_millis(6_500);
/// How long a second link in the same direction may stand by; its dialer ends one at once.
pub const STANDBY_TIMEOUT: Duration = Duration::from_secs(10);
/// Frames kept that came on other lanes before the hello; lanes are independent, so that they may.
pub const MAX_EARLY_FRAMES: usize = 32;
/// Bytes of those frames.
pub const MAX_EARLY_BYTES: usize = 256 << 10;

/// How far a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Our hello is on its way, theirs has not come.
    AwaitsHello,
    /// A second link by the same dialer, which will end one of them.
    Standby,
    /// Of use.
    Up,
}

/// One link.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) peer: PeerId,
    pub(super) address: SocketAddr,
    pub(super) direction: Direction,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    pub(super) hello: Option<Hello>,
    /// When the last frame came.
    pub(super) heard: Instant,
    pub(super) early: Vec<(Lane, Bytes)>,
    pub(super) ping: Option<(u64, Instant)>,
    pub(super) next_ping: Instant,
    pub(super) round_trip: RoundTrip,
    /// How long the last ping took, until the time that follows its answer has come.
    pub(super) last_ping: Option<Duration>,
    pub(super) points: FaultPoints,
    /// What its peer may still cause.
    pub(crate) budgets: PeerBudgets,
    /// Bytes of frames received.
    pub(crate) bytes_in: u64,
    /// Bytes of frames sent.
    pub(crate) bytes_out: u64,
}

impl Session {
    pub(super) fn new(peer: PeerId, at: SocketAddr, direction: Direction, now: Instant) -> Self {
        Self {
            peer,
            address: at,
            direction,
            stage: Stage::AwaitsHello,
            since: now,
            hello: None,
            heard: now,
            early: Vec::new(),
            ping: None,
            next_ping: now + PING_EVERY,
            round_trip: RoundTrip::default(),
            last_ping: None,
            points: FaultPoints::default(),
            budgets: PeerBudgets::new(now),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Keeps a frame until the link is up; `false` if that would be too much, and it is left out as
    /// if it had been lost.
    pub(super) fn keep_early(&mut self, lane: Lane, bytes: Bytes) -> bool {
        let held: usize = self.early.iter().map(|(_, bytes)| bytes.len()).sum();
        let has_room = self.early.len() < MAX_EARLY_FRAMES && held + bytes.len() <= MAX_EARLY_BYTES;
        if has_room {
            self.early.push((lane, bytes));
        }
        has_room
    }

    /// Returns where the peer says it listens, with the IP we see where it does not know its own.
    pub(super) fn listen_addresses(&self) -> Vec<SocketAddr> {
        let seen: IpAddr = self.address.ip();
        let fill = |listen: &SocketAddr| match listen.ip().is_unspecified() {
            true => SocketAddr::new(seen, listen.port()),
            false => *listen,
        };
        // A peer elsewhere that names our loopback would have us dial ourselves.
        let is_reachable = |at: &SocketAddr| !at.ip().is_loopback() || seen.is_loopback();
        let listen = self.hello.iter().flat_map(|hello| &hello.listen);
        listen.map(fill).filter(is_reachable).collect()
    }

    /// Takes the answer to a ping.
    pub(super) fn pong(&mut self, nonce: u64, now: Instant) {
        let Some((asked, sent_at)) = self.ping else {
            return;
        };
        if asked != nonce {
            return;
        }
        self.ping = None;
        let sample = now.since(sent_at);
        self.round_trip.measured(sample);
        self.last_ping = Some(sample);
    }

    /// Returns when something has to be done if nothing comes.
    pub(super) fn deadline(&self) -> Instant {
        match (self.stage, self.ping) {
            (Stage::AwaitsHello, _) => self.since + HELLO_TIMEOUT,
            (Stage::Standby, _) => self.since + STANDBY_TIMEOUT,
            (Stage::Up, Some((_, sent_at))) => sent_at + PING_TIMEOUT,
            (Stage::Up, None) => self.next_ping,
        }
    }
}
