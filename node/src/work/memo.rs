//! Transactions that were verified before, so that none is verified twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use starling_ledger::transaction::{VerifiedTransaction, WireId};

/// Most transactions whose verification is remembered. Our choice: a full mempool and a block.
pub const MEMO_MAX: usize = 65_536;

/// Verified transactions by wire id, oldest out first.
///
/// It holds results of a pure function, so a hit or a miss never changes what a node decides.
#[derive(Default)]
pub(super) struct Memo {
    known: BTreeMap<WireId, Arc<VerifiedTransaction>>,
    order: VecDeque<WireId>,
}

impl Memo {
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
        }
        if self.order.len() > MEMO_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        verified
    }
}
