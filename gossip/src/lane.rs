//! The five lanes of a link: independent ordered streams of frames, one per kind of traffic.
//!
//! A lane has its own stream, queues and flow control, so that a full or lost packet of one never
//! delays another; where they compete for the link, [`Lane::priority`] decides.
//!
//! # Limits
//! No frame is longer than [`Lane::frame_bytes_max`]; the length is checked before anything is
//! allocated.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Number of lanes.
pub const LANES: usize = 5;

/// Votes, proposals and small control messages are some hundred bytes; a compact block of 10,000
/// short ids is 60 kB. Our choice: what does not fit travels in pieces, so that votes pass between.
pub const MAX_CONSENSUS_FRAME_BYTES: usize = 64 << 10;
/// A block is at most 2 MiB by genesis; with certificate, evidence and room to raise the limit.
pub const MAX_BLOCKS_FRAME_BYTES: usize = 4 << 20;
/// A batch is at most 16 KiB and a response to a pull at most 64 KiB.
pub const MAX_TRANSACTIONS_FRAME_BYTES: usize = 64 << 10;
/// A range holds at least one block; snapshot chunks are smaller.
pub const MAX_SYNC_FRAME_BYTES: usize = 4 << 20;
/// Two hundred node records of at most 300 bytes.
pub const MAX_ADDRESS_FRAME_BYTES: usize = 64 << 10;

/// A kind of traffic with a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Hello, votes, proposals, what neighbours have of a height, pings.
    Consensus,
    /// Compact blocks, what is missing of them, whole blocks of the current height.
    Blocks,
    /// Pushed and announced transactions, pulls and their answers.
    Transactions,
    /// Block ranges and snapshot chunks for peers that are behind.
    Sync,
    /// Node records.
    Address,
}

impl Lane {
    /// All lanes, the most urgent first. The position of a lane is its index and wire byte.
    pub const ALL: [Self; LANES] = [
        Self::Consensus,
        Self::Blocks,
        Self::Transactions,
        Self::Sync,
        Self::Address,
    ];

    /// Returns the position in [`Lane::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Consensus => 0,
            Self::Blocks => 1,
            Self::Transactions => 2,
            Self::Sync => 3,
            Self::Address => 4,
        }
    }

    /// Returns the first byte of the lane's stream.
    pub const fn wire_byte(self) -> u8 {
        match self {
            Self::Consensus => 0,
            Self::Blocks => 1,
            Self::Transactions => 2,
            Self::Sync => 3,
            Self::Address => 4,
        }
    }

    /// Returns the lane of a stream's first byte, or `None` if there is no such lane.
    pub fn from_wire_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.wire_byte() == byte)
    }

    /// Returns how urgent the lane is, 4 (consensus) to 0; higher goes first.
    pub const fn priority(self) -> u8 {
        match self {
            Self::Consensus => 4,
            Self::Blocks => 3,
            Self::Transactions => 2,
            Self::Sync => 1,
            Self::Address => 0,
        }
    }

    /// Returns the most bytes that a frame of this lane may hold, its header not counted.
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Self::Consensus => MAX_CONSENSUS_FRAME_BYTES,
            Self::Blocks => MAX_BLOCKS_FRAME_BYTES,
            Self::Transactions => MAX_TRANSACTIONS_FRAME_BYTES,
            Self::Sync => MAX_SYNC_FRAME_BYTES,
            Self::Address => MAX_ADDRESS_FRAME_BYTES,
        }
    }

    /// Returns the lane's name in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::Sync => "sync",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerLane<T>([T; LANES]);

impl<T> PerLane<T> {
    /// Makes the value of each lane.
    pub fn from_fn(make: impl FnMut(Lane) -> T) -> Self {
        Self(Lane::ALL.map(make))
    }

    /// Visits the lanes, the most urgent first.
    pub fn iter(&self) -> impl Iterator<Item = (Lane, &T)> {
        Lane::ALL.into_iter().zip(&self.0)
    }

    /// Takes the lanes apart, the most urgent first.
    pub fn into_array(self) -> [T; LANES] {
        self.0
    }
}

impl<T> Index<Lane> for PerLane<T> {
    type Output = T;

    fn index(&self, lane: Lane) -> &T {
        &self.0[lane.index()]
    }
}

impl<T> IndexMut<Lane> for PerLane<T> {
    fn index_mut(&mut self, lane: Lane) -> &mut T {
        &mut self.0[lane.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_wire_byte_follow_the_order_of_urgency() {
        for (position, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.index(), position);
            assert_eq!(usize::from(lane.wire_byte()), position);
            assert_eq!(Lane::from_wire_byte(lane.wire_byte()), Some(lane));
            assert_eq!(usize::from(lane.priority()), LANES - 1 - position);
        }
        assert_eq!(Lane::from_wire_byte(5), None);
    }
}
