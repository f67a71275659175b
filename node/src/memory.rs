//! How much memory a node takes, and what for: one setting, divided among all that grows.
//!
//! What holds more with more traffic (caches, queues, answers on their way) gets its bytes from
//! here, and from nowhere else. The rest of the setting, [`PROGRAM_MIB`], is for what does not grow
//! or has a small bound of its own: code, stacks, the nodes of the trie, indexes of tables, bodies
//! of the blocks at hand, and what the allocator cannot give back.
//!
//! The shares stand in one table, `Part::weight`. What is read again and again (tables, pages,
//! verified transactions) has as much as was measured to cost no throughput; what only waits for a
//! slow client or neighbour has what the longest answers need, since more would only be lent to
//! whoever never reads.

use starling_gossip::flood::SEEN_TRANSACTION_BYTES;

use crate::mempool;

const MIB: usize = 1 << 20;

/// What a node takes where nobody says.
pub const DEFAULT_MIB: u32 = 256;
/// The least that can be asked for: the smallest parts hold one of what they are for, such as a
/// frame of 4 MiB.
pub const LEAST_MIB: u32 = 128;
/// The most. Our choice: all caches together are larger than any ledger that was measured.
pub const MOST_MIB: u32 = 1 << 20;
/// What is not divided: measured, 27 MiB after a start, and what work under way takes.
pub const PROGRAM_MIB: u32 = 44;

/// The setting is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("memory_mib is {found}; a node takes {LEAST_MIB} to {MOST_MIB} MiB")]
pub struct MemoryError {
    /// What was asked for.
    pub found: u32,
}

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Blocks of tables that were read from disk.
    StoreCache,
    /// What was written to the store and is in no table yet.
    StoreTables,
    /// Pages of the state that were written lately.
    Pages,
    /// Transactions that were verified, so that none is verified twice.
    Verified,
    /// Transactions that wait for a block.
    Mempool,
    /// Ids of transactions that were seen, and who has them.
    Seen,
    /// Frames that wait to be sent to neighbours.
    LinksOut,
    /// Frames of neighbours that are on their way in.
    LinksIn,
    /// Long answers of the HTTP interface that are not sent yet.
    HttpAnswers,
    /// Events that were read from disk and are not sent yet.
    HttpEvents,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 10] = [
        Self::StoreCache,
        Self::StoreTables,
        Self::Pages,
        Self::Verified,
        Self::Mempool,
        Self::Seen,
        Self::LinksOut,
        Self::LinksIn,
        Self::HttpAnswers,
        Self::HttpEvents,
    ];

    /// Returns its name in status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreCache => "store_cache",
            Self::StoreTables => "store_tables",
            Self::Pages => "pages",
            Self::Verified => "verified",
            Self::Mempool => "mempool",
            Self::Seen => "seen",
            Self::LinksOut => "links_out",
            Self::LinksIn => "links_in",
            Self::HttpAnswers => "http_answers",
            Self::HttpEvents => "http_events",
        }
    }

    /// Returns its share of what is divided: MiB at the default, 212 in all.
    const fn weight(self) -> usize {
        match self {
            Self::StoreCache => 24,
            Self::StoreTables => 32,
            Self::Pages => 24,
            Self::Verified => 28,
            Self::Mempool => 36,
            Self::Seen => 12,
            Self::LinksOut => 16,
            Self::LinksIn => 16,
            Self::HttpAnswers => 16,
            Self::HttpEvents => 8,
        }
    }
}

const WEIGHTS: usize = {
    let (mut sum, mut part) = (0, 0);
    while part < Part::ALL.len() {
        sum += Part::ALL[part].weight();
        part += 1;
    }
    sum
};

/// The memory of one node, divided.
///
/// # Invariants
/// All parts and [`PROGRAM_MIB`] together are at most the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    mib: u32,
}

impl Default for MemoryPlan {
    fn default() -> Self {
        Self { mib: DEFAULT_MIB }
    }
}

impl MemoryPlan {
    /// Divides `mib` MiB.
    ///
    /// # Errors
    /// [`MemoryError`] if that is less than [`LEAST_MIB`] or more than [`MOST_MIB`].
    pub const fn new(mib: u32) -> Result<Self, MemoryError> {
        match mib {
            LEAST_MIB..=MOST_MIB => Ok(Self { mib }),
            found => Err(MemoryError { found }),
        }
    }

    /// Returns the setting.
    pub const fn mib(self) -> u32 {
        self.mib
    }

    /// Returns the bytes of one part.
    pub const fn bytes(self, part: Part) -> usize {
        let divided = (self.mib - PROGRAM_MIB) as usize * MIB;
        divided / WEIGHTS * part.weight()
    }

    /// Returns the bounds of the mempool. Half of its part is for what transactions take beside
    /// their bytes, and each byte is there twice, encoded and decoded.
    pub const fn mempool(self) -> mempool::Limits {
        let bytes = self.bytes(Part::Mempool);
        mempool::Limits::within(bytes)
    }

    /// Returns how many transactions are remembered as seen.
    pub const fn seen_max(self) -> usize {
        self.bytes(Part::Seen) / SEEN_TRANSACTION_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_the_default_each_part_is_its_weight() {
        let plan = MemoryPlan::default();
        assert_eq!(WEIGHTS, (DEFAULT_MIB - PROGRAM_MIB) as usize);
        for part in Part::ALL {
            assert_eq!(plan.bytes(part), part.weight() * MIB, "{}", part.name());
        }
    }

    #[test]
    fn less_than_the_least_is_refused_with_the_bounds() {
        let error = MemoryPlan::new(LEAST_MIB - 1).unwrap_err();
        let told = "memory_mib is 127; a node takes 128 to 1048576 MiB";
        assert_eq!(error.to_string(), told);
        assert!(MemoryPlan::new(0).is_err() && MemoryPlan::new(u32::MAX).is_err());
        assert_eq!(MemoryPlan::new(LEAST_MIB).unwrap().mib(), LEAST_MIB);
    }

    #[test]
    fn the_least_holds_one_of_everything() {
        let plan = MemoryPlan::new(LEAST_MIB).unwrap();
        let frame = starling_gossip::lane::MAX_BLOCKS_FRAME_BYTES;
        assert!(plan.bytes(Part::LinksOut) > frame && plan.bytes(Part::LinksIn) > frame);
        let limits = plan.mempool();
        assert!(
            limits.bytes_max >= 2 * MIB,
            "a full block waits: {limits:?}"
        );
        assert!(limits.count_max >= limits.per_sender_max, "{limits:?}");
        assert!(plan.bytes(Part::HttpEvents) >= 3 * MIB);
    }

    #[test]
    fn what_waits_for_a_block_is_remembered_as_verified() {
        let plan = MemoryPlan::default();
        let usual_bytes = 900;
        let waiting = plan.mempool().count_max;
        assert!(plan.bytes(Part::Verified) / usual_bytes > waiting);
    }

    proptest! {
        #[test]
        fn the_parts_stay_within_the_setting(mib in LEAST_MIB..=MOST_MIB) {
            let plan = MemoryPlan::new(mib).unwrap();
            let parts: usize = Part::ALL.iter().map(|part| plan.bytes(*part)).sum();
            prop_assert!(parts + PROGRAM_MIB as usize * MIB <= mib as usize * MIB);
            prop_assert!(Part::ALL.iter().all(|part| plan.bytes(*part) > 0));
        }
    }
}
