//! Counters of the transport, for metrics and for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lane::PerLane;

/// A reading of the transport's counters. Bytes are those of frames and their headers, before
/// encryption; all but the first three only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Links that are up or on their way down.
    pub links: usize,
    /// Incoming handshakes under way.
    pub half_open: usize,
    /// Tasks running: the listener, dials, handshakes and one per link.
    pub tasks: usize,
    /// Incoming connections that never became a link.
    pub handshakes_failed: u64,
    /// Incoming connections that were ignored or turned away by a limit.
    pub turned_away: u64,
    /// Incoming connections that had to prove their address first.
    pub proofs_asked: u64,
    /// Frames that were received and still waited when their link had ended.
    pub frames_left: u64,
    /// What went over each lane, on all links.
    pub lanes: PerLane<LaneStats>,
}

/// What went over a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStats {
    /// Complete frames received.
    pub frames_in: u64,
    /// Frames handed to QUIC.
    pub frames_out: u64,
    /// Bytes of complete frames received.
    pub bytes_in: u64,
    /// Bytes of frames handed to QUIC.
    pub bytes_out: u64,
}

/// A reading of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// The smoothed round trip.
    pub round_trip: Duration,
    /// Bytes of UDP payload received, everything included.
    pub udp_bytes_in: u64,
    /// Bytes of UDP payload sent, everything included.
    pub udp_bytes_out: u64,
    /// Packets taken for lost.
    pub packets_lost: u64,
}

/// The counters themselves. Each is independent of the others, so no ordering is needed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) handshakes_failed: Counter,
    pub(super) turned_away: Counter,
    pub(super) proofs_asked: Counter,
    pub(super) lanes: PerLane<LaneCounters>,
}

/// The counters of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneCounters {
    pub(super) frames_in: Counter,
    pub(super) frames_out: Counter,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
}

impl LaneCounters {
    /// Reads them.
    pub(super) fn snapshot(&self) -> LaneStats {
        LaneStats {
            frames_in: self.frames_in.count(),
            frames_out: self.frames_out.count(),
            bytes_in: self.bytes_in.count(),
            bytes_out: self.bytes_out.count(),
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Counts `amount` more.
    pub(super) fn add(&self, amount: usize) {
        self.0
            .fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Reads the number.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
