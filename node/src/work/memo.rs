//! Transactions that were verified before, so that none is verified twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use starling_ledger::transaction::{VerifiedTransaction, WireId};

/// What the memo may take where nobody says. Our choice: 65,536 transactions of the usual size.
pub const MEMO_BYTES: usize = 64 << 20;
/// What a transaction takes beside its bytes, which it holds encoded and decoded: measured, some
/// 500 with its places here.
const ENTRY_BYTES: usize = 512;

/// Verified transactions by wire id, oldest out first.
///
/// It holds results of a pure function, so a hit or a miss never changes what a node decides.
///
/// # Limits
/// By memory, since a sender of long ones would fill any number of places for nothing.
pub(super) struct Memo {
    known: BTreeMap<WireId, Arc<VerifiedTransaction>>,
    order: VecDeque<WireId>,
    bytes: usize,
    bytes_max: usize,
}

/// About what a transaction takes in memory.
fn footprint(transaction: &VerifiedTransaction) -> usize {
    ENTRY_BYTES + 2 * transaction.size_bytes()
}

impl Memo {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            known: BTreeMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Returns a transaction that was verified before.
    pub(super) fn get(&self, wire_id: &WireId) -> Option<Arc<VerifiedTransaction>> {
        self.known.get(wire_id).map(Arc::clone)
    }

    /// Takes note of a verified transaction, and gives it back.
    pub(super) fn insert(
        &mut self,
        verified: Arc<VerifiedTransaction>,
    ) -> Arc<VerifiedTransaction> {
        let wire_id = verified.wire_id();
        let before = self.known.insert(wire_id, Arc::clone(&verified));
        if before.is_none() {
            self.order.push_back(wire_id);
            self.bytes += footprint(&verified);
        }
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.known.remove(&oldest);
            let bytes = gone.map_or(0, |gone| footprint(&gone));
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        verified
    }
}
