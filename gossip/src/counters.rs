//! What the gossip core counts, for metrics.

use crate::drops::{Dropped, Drops};
use crate::lane::PerLane;

/// Totals since the start. Bytes are those of frames, without what the transport adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received.
    pub frames_in: PerLane<u64>,
    /// Bytes received.
    pub bytes_in: PerLane<u64>,
    /// Frames sent.
    pub frames_out: PerLane<u64>,
    /// Bytes sent.
    pub bytes_out: PerLane<u64>,
    /// Transactions received, duplicates included.
    pub transactions_in: u64,
    /// Transactions received that were known already.
    pub transaction_duplicates: u64,
    /// Transactions sent, each counted once per neighbour.
    pub transactions_out: u64,
    /// Consensus messages received, duplicates included.
    pub messages_in: u64,
    /// Consensus messages received that were known already.
    pub message_duplicates: u64,
    /// What was left out.
    pub drops: Drops<Dropped>,
    /// Faults of peers.
    pub faults: u64,
    /// Dials begun.
    pub dials: u64,
    /// Dials that failed.
    pub dials_failed: u64,
    /// Ranges of blocks asked for.
    pub ranges_asked: u64,
    /// Ranges that came in time and as asked.
    pub ranges_delivered: u64,
    /// Ranges that did not come in time.
    pub ranges_stalled: u64,
    /// Ranges that the peer asked no longer keeps.
    pub ranges_pruned: u64,
    /// Ranges given to peers.
    pub ranges_served: u64,
}
