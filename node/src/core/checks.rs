//! Batches of transactions under check, and what recent blocks touched meanwhile.
//!
//! Results are taken in the order in which batches were handed out, whichever thread is done first:
//! what a neighbour sent in the order of nonces comes into the mempool in that order.
//!
//! # Limits
//! [`CHECKS_MAX`] batches are under check at once and [`WAITING_MAX`] wait. What recent blocks
//! touched is kept for [`RECENT_HEIGHTS`] blocks.

use std::collections::{BTreeMap, VecDeque};

use starling_gossip::PeerId;
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::Height;

use super::{RequestId, WorkId};
use crate::work::CheckedTransaction;

/// Most batches under check. Our choice: enough to keep some threads busy, little enough to bound
/// delay.
const CHECKS_MAX: usize = 16;
/// Most batches that wait for a check. A batch is at most one frame of 64 KiB: 16 MiB in all.
const WAITING_MAX: usize = 256;
/// For how many blocks touched accounts are remembered. Our choice: a check is back long before.
const RECENT_HEIGHTS: usize = 16;

/// Who wants a transaction checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A neighbour sent it.
    Peer(PeerId),
    /// A person or program submitted it here.
    Request(RequestId),
    /// It was held back, and may enter now.
    Held,
}

/// Transactions that came together.
pub(super) type Batch = (Source, Vec<RawTransaction>);

/// A batch that was checked, with the height it was checked at.
pub(super) type Checked = (Source, Height, Vec<CheckedTransaction>);

/// Batches under check, and those that wait.
#[derive(Default)]
pub(super) struct Checks {
    in_flight: VecDeque<(WorkId, Option<Checked>)>,
    waiting: VecDeque<Batch>,
}

impl Checks {
    /// Says whether no more batches from outside may wait.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Takes in a batch behind the others.
    pub(super) fn push(&mut self, batch: Batch) {
        self.waiting.push_back(batch);
    }

    /// Takes in a batch before the others: one that has waited before.
    pub(super) fn push_first(&mut self, batch: Batch) {
        self.waiting.push_front(batch);
    }

    /// Returns the next batch to be handed out, while there is room.
    pub(super) fn next(&mut self) -> Option<Batch> {
        match self.in_flight.len() < CHECKS_MAX {
            true => self.waiting.pop_front(),
            false => None,
        }
    }

    /// A batch was handed out.
    pub(super) fn handed_out(&mut self, id: WorkId) {
        self.in_flight.push_back((id, None));
    }

    /// A batch was checked.
    pub(super) fn came_back(&mut self, id: WorkId, checked: Checked) {
        let place = self.in_flight.iter_mut().find(|(known, _)| *known == id);
        if let Some((_, result)) = place {
            *result = Some(checked);
        }
    }

    /// Returns the batch whose turn it is, if it was checked.
    pub(super) fn take_checked(&mut self) -> Option<Checked> {
        self.in_flight.front()?.1.as_ref()?;
        self.in_flight.pop_front()?.1
    }
}

/// Which accounts recent blocks touched, so that a check of before is not taken for the present.
#[derive(Default)]
pub(super) struct RecentAccounts {
    touched: BTreeMap<AccountId, Height>,
    heights: VecDeque<(Height, Vec<AccountId>)>,
}

impl RecentAccounts {
    /// Takes over what a block touched.
    pub(super) fn extend(&mut self, height: Height, touched: &[(AccountId, Account)]) {
        let ids: Vec<_> = touched.iter().map(|(id, _)| *id).collect();
        for id in &ids {
            self.touched.insert(*id, height);
        }
        self.heights.push_back((height, ids));
        if self.heights.len() > RECENT_HEIGHTS
            && let Some((oldest, ids)) = self.heights.pop_front()
        {
            for id in ids {
                if self.touched.get(&id) == Some(&oldest) {
                    self.touched.remove(&id);
                }
            }
        }
    }

    /// Says whether no block after `height` touched this account, as far as is remembered.
    pub(super) fn is_current(&self, id: &AccountId, height: Height) -> bool {
        let first = self.heights.front();
        first.is_none_or(|(oldest, _)| height + 1 >= *oldest)
            && self
                .touched
                .get(id)
                .is_none_or(|touched| *touched <= height)
    }
}
