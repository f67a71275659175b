//! Where a node leaves out what neighbours send or ask, gossip apart.

use starling_gossip::Lane;
use starling_gossip::drops::{Labels, Place};

/// A place where something is left out, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// The body of a block that no proposal has named, above its sender's budget.
    BodyOverBudget,
    /// The body of a block that is neither of this height nor of the next.
    BodyOtherHeight,
    /// A body that is here already.
    BodyKnown,
    /// A body that has no place, or has to give it to one that a proposal has named.
    BodyNoRoom,
    /// A body that a neighbour wants, and that is neither here nor wanted here.
    BodyRequestNotHere,
    /// A vote, proposal or certificate of another height.
    MessageOtherHeight,
    /// One of the next height, of a key that has as many waiting as it may, or none to sign there.
    MessageEarly,
    /// A call or answer of the roll above what its key may send.
    RollOverBudget,
    /// A report of what a neighbour has that came so soon that it is not answered.
    HaveTooSoon,
    /// Transactions of a neighbour that came when as many waited to be checked as may.
    TransactionChecksFull,
    /// A neighbour's transaction that does not enter the mempool.
    TransactionRefused,
    /// A fetched range that came when as many waited as may.
    RangeQueueFull,
    /// A range that a neighbour wants, when the disk has as many to read as it may.
    RangeRequestDiskBusy,
    /// A frame for a neighbour whose lane has as much waiting as it may.
    SendQueueFull(Lane),
    /// A frame for a link that has ended meanwhile.
    SendLinkEnded,
    /// A frame that no lane carries.
    SendRefused,
    /// A received frame that still waited when its link had ended.
    FrameLinkEnded,
    /// An incoming connection that a limit turned away.
    ConnectionLimit,
    /// An incoming connection whose handshake failed.
    ConnectionHandshake,
}

impl Place for Dropped {
    const ALL: &'static [Self] = &[
        Self::BodyOverBudget,
        Self::BodyOtherHeight,
        Self::BodyKnown,
        Self::BodyNoRoom,
        Self::BodyRequestNotHere,
        Self::MessageOtherHeight,
        Self::MessageEarly,
        Self::RollOverBudget,
        Self::HaveTooSoon,
        Self::TransactionChecksFull,
        Self::TransactionRefused,
        Self::RangeQueueFull,
        Self::RangeRequestDiskBusy,
        Self::SendQueueFull(Lane::Consensus),
        Self::SendQueueFull(Lane::Blocks),
        Self::SendQueueFull(Lane::Transactions),
        Self::SendQueueFull(Lane::Sync),
        Self::SendQueueFull(Lane::Address),
        Self::SendLinkEnded,
        Self::SendRefused,
        Self::FrameLinkEnded,
        Self::ConnectionLimit,
        Self::ConnectionHandshake,
    ];

    fn labels(self) -> Labels {
        match self {
            Self::BodyOverBudget => ("body", "over_budget"),
            Self::BodyOtherHeight => ("body", "other_height"),
            Self::BodyKnown => ("body", "known"),
            Self::BodyNoRoom => ("body", "no_room"),
            Self::BodyRequestNotHere => ("body_request", "not_here"),
            Self::MessageOtherHeight => ("message", "other_height"),
            Self::MessageEarly => ("message", "early"),
            Self::RollOverBudget => ("roll", "key_over_budget"),
            Self::HaveTooSoon => ("have", "too_soon"),
            Self::TransactionChecksFull => ("transaction", "check_queue_full"),
            Self::TransactionRefused => ("transaction", "refused"),
            Self::RangeQueueFull => ("range", "queue_full"),
            Self::RangeRequestDiskBusy => ("range_request", "disk_busy"),
            Self::SendQueueFull(Lane::Consensus) => ("sent_frame", "consensus_queue_full"),
            Self::SendQueueFull(Lane::Blocks) => ("sent_frame", "blocks_queue_full"),
            Self::SendQueueFull(Lane::Transactions) => ("sent_frame", "transactions_queue_full"),
            Self::SendQueueFull(Lane::Sync) => ("sent_frame", "sync_queue_full"),
            Self::SendQueueFull(Lane::Address) => ("sent_frame", "address_queue_full"),
            Self::SendLinkEnded => ("sent_frame", "link_ended"),
            Self::SendRefused => ("sent_frame", "refused"),
            Self::FrameLinkEnded => ("frame", "link_ended_unread"),
            Self::ConnectionLimit => ("connection", "limit"),
            Self::ConnectionHandshake => ("connection", "handshake"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use starling_gossip::drops;

    #[test]
    fn no_two_places_of_a_node_share_their_labels() {
        let gossip = drops::Dropped::ALL.iter().map(|place| place.labels());
        let own = Dropped::ALL.iter().map(|place| place.labels());
        let labels: BTreeSet<_> = gossip.chain(own).collect();
        assert_eq!(labels.len(), drops::Dropped::ALL.len() + Dropped::ALL.len());
        let lanes = Lane::ALL.map(Dropped::SendQueueFull);
        assert!(lanes.iter().all(|place| Dropped::ALL.contains(place)));
    }
}
