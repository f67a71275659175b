//! Transactions that do not apply yet and may soon: outside the mempool, and never sent on.
//!
//! - *Early*: one with a lower nonce is missing, at most `GAP_MAX` of them. It is tried when the
//!   missing ones are there, and stays until it expires.
//! - *Unsettled*: what waits of its sender is being run anew. It is tried when that is done.
//! - *Not yet*: it fails on our tip and may apply on the next: whoever sent it may be a block ahead
//!   of us. It is tried after each of the next [`TRIES`] blocks. What a request brings is not held
//!   back for this: whoever submits is told at once.
//!
//! # Limits
//! [`HELD_MAX`] transactions of [`HELD_BYTES_MAX`], [`OF_SENDER_MAX`] of one sender. Nobody pays
//! for a place here, so all share: a full hold lets the youngest go of whoever has the most in it,
//! a neighbour or all requests together. One neighbour can fill it only while no other needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starling_gossip::PeerId;
use starling_ledger::address::AccountId;
use starling_ledger::transaction::{
    Nonce, RawTransaction, TransactionId, VerifiedTransaction, WireId,
};

use super::RequestId;

/// Most transactions held back. Our choice: as many as one sender may have waiting.
const HELD_MAX: usize = 4_096;
/// Most bytes of them.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most of one sender: as many as may come too early, `GAP_MAX`.
const OF_SENDER_MAX: usize = 64;
/// After how many blocks one that failed is tried again. Our choice: a node that runs is a block
/// behind, or two.
pub(super) const TRIES: u8 = 3;

/// A transaction on its way into the mempool.
#[derive(Clone, Debug)]
pub(super) struct Coming {
    pub(super) transaction: Arc<VerifiedTransaction>,
    pub(super) origin: Origin,
    /// How often it may still fail.
    pub(super) tries_left: u8,
}

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A neighbour.
    Peer {
        /// Which.
        peer: PeerId,
        /// Gossip knows what to think of it: that it was of no use when it came.
        is_judged: bool,
    },
    /// A request that waits for its answer.
    Asked(RequestId),
    /// A request that was told that it is accepted.
    Told,
}

/// Why a transaction is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Others have to go first.
    Early,
    /// What goes first is being run anew.
    Unsettled,
    /// It fails on our tip.
    NotYet,
}

/// What is held back.
#[derive(Default)]
pub(super) struct Hold {
    held: BTreeMap<WireId, Held>,
    ids: BTreeMap<TransactionId, WireId>,
    /// By sender and nonce.
    places: BTreeSet<(AccountId, Nonce, WireId)>,
    /// By whom it came from, the oldest first.
    shares: BTreeMap<Option<PeerId>, BTreeSet<(u64, WireId)>>,
    size_bytes: usize,
    /// How many came so far.
    count: u64,
}

struct Held {
    coming: Coming,
    why: Why,
    number: u64,
    /// It is under check once more.
    checking: bool,
}

impl Origin {
    const fn share(self) -> Option<PeerId> {
        match self {
            Self::Peer { peer, .. } => Some(peer),
            Self::Asked(_) | Self::Told => None,
        }
    }
}

impl Hold {
    /// Says whether nothing is held back.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns a transaction that is held back.
    pub(super) fn by_id(&self, id: &TransactionId) -> Option<&Arc<VerifiedTransaction>> {
        let held = self.held.get(self.ids.get(id)?)?;
        Some(&held.coming.transaction)
    }

    /// Returns a transaction that is held back for a request.
    pub(super) fn promised(&self, wire_id: &WireId) -> Option<&Arc<VerifiedTransaction>> {
        let held = self.held.get(wire_id)?;
        let promised = held.coming.origin.share().is_none();
        promised.then_some(&held.coming.transaction)
    }

    /// Returns those that a request was told are accepted, each sender's in order.
    pub(super) fn told(&self) -> impl Iterator<Item = &RawTransaction> {
        let held = self.places.iter().filter_map(|(.., id)| self.held.get(id));
        let told = held.filter(|held| held.coming.origin == Origin::Told);
        told.map(|held| held.coming.transaction.raw())
    }

    /// Holds a transaction back; returns the one that finds no place any more, maybe itself.
    pub(super) fn put(&mut self, coming: Coming, why: Why) -> Option<Coming> {
        let (sender, wire_id) = (coming.transaction.sender(), coming.transaction.wire_id());
        self.take(&wire_id);
        if self.of_sender(&sender).count() >= OF_SENDER_MAX {
            return Some(coming);
        }
        self.count += 1;
        let share = self.shares.entry(coming.origin.share()).or_default();
        share.insert((self.count, wire_id));
        self.ids.insert(coming.transaction.id(), wire_id);
        let nonce = coming.transaction.body().nonce;
        self.places.insert((sender, nonce, wire_id));
        self.size_bytes += coming.transaction.size_bytes();
        let held = Held {
            coming,
            why,
            number: self.count,
            checking: false,
        };
        self.held.insert(wire_id, held);
        if self.held.len() <= HELD_MAX && self.size_bytes <= HELD_BYTES_MAX {
            return None;
        }
        let largest = self.shares.values().max_by_key(|share| share.len())?;
        let (_, youngest) = largest.last().copied()?;
        self.take(&youngest)
    }

    /// Takes one out.
    pub(super) fn take(&mut self, wire_id: &WireId) -> Option<Coming> {
        let Held { coming, number, .. } = self.held.remove(wire_id)?;
        let transaction = &coming.transaction;
        self.size_bytes -= transaction.size_bytes();
        self.ids.remove(&transaction.id());
        let nonce = transaction.body().nonce;
        self.places.remove(&(transaction.sender(), nonce, *wire_id));
        let share = coming.origin.share();
        if let Some(of) = self.shares.get_mut(&share) {
            of.remove(&(number, *wire_id));
            if of.is_empty() {
                self.shares.remove(&share);
            }
        }
        Some(coming)
    }

    /// Takes out those that a block holds.
    pub(super) fn apply_block(&mut self, included: &[TransactionId]) {
        if self.held.is_empty() {
            return;
        }
        for id in included {
            if let Some(wire_id) = self.ids.get(id).copied() {
                self.take(&wire_id);
            }
        }
    }

    /// Takes out those that no block from `time_ms` on can hold.
    pub(super) fn expire(&mut self, time_ms: u64) -> Vec<Coming> {
        let late = |held: &&Held| held.coming.transaction.body().expires_at_ms < time_ms;
        let late = self.held.values().filter(late);
        let late: Vec<_> = late.map(|held| held.coming.transaction.wire_id()).collect();
        late.iter()
            .filter_map(|wire_id| self.take(wire_id))
            .collect()
    }

    /// Returns those that may enter after a block that touched these accounts, each sender's in
    /// order: they are under check from now on.
    pub(super) fn after_block(
        &mut self,
        touched: impl Fn(&AccountId) -> bool,
    ) -> Vec<RawTransaction> {
        self.due(|sender, why| why != Why::Early || touched(sender))
    }

    /// Returns those of a sender that may enter, now that `next` is the nonce after its last that
    /// waits: they are under check from now on.
    pub(super) fn behind(&mut self, sender: &AccountId, next: Nonce) -> Vec<RawTransaction> {
        let places = self
            .of_sender(sender)
            .map(|(_, nonce, wire_id)| (*nonce, *wire_id));
        let places: Vec<_> = places.collect();
        let mut next = next;
        let mut raws = Vec::new();
        for (nonce, wire_id) in places {
            if nonce > next {
                break;
            }
            next = next.max(nonce.saturating_add(1));
            raws.extend(self.start(&wire_id));
        }
        raws
    }

    /// Returns those that wait for these senders' queues: they are under check from now on.
    pub(super) fn settled(&mut self, senders: &BTreeSet<AccountId>) -> Vec<RawTransaction> {
        self.due(|sender, why| why == Why::Unsettled && senders.contains(sender))
    }

    fn due(&mut self, is_due: impl Fn(&AccountId, Why) -> bool) -> Vec<RawTransaction> {
        let places = self.places.iter().filter(|(sender, _, wire_id)| {
            let held = self.held.get(wire_id);
            held.is_some_and(|held| is_due(sender, held.why))
        });
        let due: Vec<_> = places.map(|(_, _, wire_id)| *wire_id).collect();
        due.iter()
            .filter_map(|wire_id| self.start(wire_id))
            .collect()
    }

    fn start(&mut self, wire_id: &WireId) -> Option<RawTransaction> {
        let held = self.held.get_mut(wire_id).filter(|held| !held.checking)?;
        held.checking = true;
        Some(held.coming.transaction.raw().clone())
    }

    fn of_sender(&self, sender: &AccountId) -> impl Iterator<Item = &(AccountId, Nonce, WireId)> {
        let first = (*sender, 0, WireId(starling_ledger::hash::Hash::ZERO));
        let from = self.places.range(first..);
        let sender = *sender;
        from.take_while(move |(of, _, _)| *of == sender)
    }
}

#[cfg(test)]
mod tests;
