//! What is left out, counted: nothing is dropped without a word.
//!
//! Each part of a node has its places; those of the gossip machine are [`Dropped`]. A duplicate
//! that is told by a counter of its own is no drop, nor is what a fault of the peer ends.

use std::collections::BTreeMap;
use std::ops::{Add, Index};

/// The places of one part of a node.
pub trait Place: Copy + Ord + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Returns what is left out and why, as a metric calls them.
    fn labels(self) -> Labels;
}

/// What is left out, and why.
pub type Labels = (&'static str, &'static str);

/// How often something was left out at each place since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drops<P>(BTreeMap<P, u64>);

impl<P> Default for Drops<P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<P: Place> Drops<P> {
    /// Counts one.
    pub fn count(&mut self, place: P) {
        self.add(place, 1);
    }

    /// Counts some.
    pub fn add(&mut self, place: P, count: u64) {
        let total = self.0.entry(place).or_default();
        *total = total.saturating_add(count);
    }

    /// Visits all places, also those where nothing was left out.
    pub fn iter(&self) -> impl Iterator<Item = (Labels, u64)> {
        P::ALL.iter().map(|place| (place.labels(), self[*place]))
    }
}

impl<P: Place> Index<P> for Drops<P> {
    type Output = u64;

    fn index(&self, place: P) -> &u64 {
        self.0.get(&place).unwrap_or(&0)
    }
}

impl<P: Place> Add<&Self> for Drops<P> {
    type Output = Self;

    fn add(mut self, other: &Self) -> Self {
        for (place, count) in &other.0 {
            Self::add(&mut self, *place, *count);
        }
        self
    }
}

/// Where the gossip machine leaves something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// A frame of a kind that this release does not know.
    FrameUnknown,
    /// A frame that came before the hello, when as many were kept as may be.
    FrameBeforeHello,
    /// A frame of a link that has ended meanwhile.
    FrameLinkEnded,
    /// A frame not sent because it is above its lane's limit.
    SendOversized,
    /// A frame not sent because its peer has gone meanwhile.
    SendPeerGone,
    /// A ping above the peer's budget.
    PingOverBudget,
    /// A time that was not asked for.
    TimeUnasked,
    /// A vote, proposal or certificate above it.
    MessageOverBudget,
    /// A call or answer of the roll above it.
    RollOverBudget,
    /// A report of what the peer has above it.
    HaveOverBudget,
    /// A request for a block of the current height above it.
    BodyRequestOverBudget,
    /// A request for a range of blocks above it.
    RangeRequestOverBudget,
    /// A request for addresses above it.
    AddressRequestOverBudget,
    /// An address taught above it.
    AddressOverBudget,
    /// A transaction of a peer that has as many under check as it may.
    TransactionChecksFull,
    /// A transaction that was accepted when gossip had forgotten it: it is not passed on.
    TransactionForgotten,
    /// A transaction not sent because the neighbour's queue was full.
    SendTransactionQueueFull,
    /// A range of blocks whose sender had gone, or was found to be wrong, before its turn came.
    RangeSenderOut,
}

impl Place for Dropped {
    const ALL: &'static [Self] = &[
        Self::FrameUnknown,
        Self::FrameBeforeHello,
        Self::FrameLinkEnded,
        Self::SendOversized,
        Self::SendPeerGone,
        Self::PingOverBudget,
        Self::TimeUnasked,
        Self::MessageOverBudget,
        Self::RollOverBudget,
        Self::HaveOverBudget,
        Self::BodyRequestOverBudget,
        Self::RangeRequestOverBudget,
        Self::AddressRequestOverBudget,
        Self::AddressOverBudget,
        Self::TransactionChecksFull,
        Self::TransactionForgotten,
        Self::SendTransactionQueueFull,
        Self::RangeSenderOut,
    ];

    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::FrameUnknown => ("frame", "unknown_kind"),
            Self::FrameBeforeHello => ("frame", "before_hello"),
            Self::FrameLinkEnded => ("frame", "link_ended"),
            Self::SendOversized => ("sent_frame", "oversized"),
            Self::SendPeerGone => ("sent_frame", "peer_gone"),
            Self::PingOverBudget => ("ping", "over_budget"),
            Self::TimeUnasked => ("time", "unasked"),
            Self::MessageOverBudget => ("message", "over_budget"),
            Self::RollOverBudget => ("roll", "over_budget"),
            Self::HaveOverBudget => ("have", "over_budget"),
            Self::BodyRequestOverBudget => ("body_request", "over_budget"),
            Self::RangeRequestOverBudget => ("range_request", "over_budget"),
            Self::AddressRequestOverBudget => ("address_request", "over_budget"),
            Self::AddressOverBudget => ("address", "over_budget"),
            Self::TransactionChecksFull => ("transaction", "checks_full"),
            Self::TransactionForgotten => ("transaction", "forgotten"),
            Self::SendTransactionQueueFull => ("sent_transaction", "queue_full"),
            Self::RangeSenderOut => ("range", "sender_out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_own_labels_and_is_shown_from_the_beginning() {
        let drops = Drops::<Dropped>::default();
        let labels: std::collections::BTreeSet<_> =
            drops.iter().map(|(labels, _)| labels).collect();
        assert_eq!(labels.len(), Dropped::ALL.len());
        assert!(drops.iter().all(|(_, count)| count == 0));
    }

    #[test]
    fn counts_where_it_is_told() {
        let mut drops = Drops::default();
        drops.count(Dropped::PingOverBudget);
        let both = drops.clone() + &drops;
        assert_eq!(both[Dropped::PingOverBudget], 2);
        assert_eq!(both.iter().map(|(_, count)| count).sum::<u64>(), 2);
    }
}
