//! How far this node's own transactions got: to how many neighbours each was sent.
//!
//! # Limits
//! [`MAX_OWN`] transactions are followed at once; the oldest is let go, and nothing is told of it.

use std::collections::{BTreeMap, VecDeque};

use starling_ledger::transaction::{RawTransaction, WireId};

/// Most own transactions that are followed at once. Our choice: at 10 ms a batch, 100,000 a second.
const MAX_OWN: usize = 1_024;

/// What is told of an own transaction once it has left for every neighbour that lacked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) wire_id: WireId,
    /// Neighbours it was sent to.
    pub(super) sent_to: usize,
    /// Neighbours there were.
    pub(super) neighbours: usize,
}

#[derive(Debug)]
struct Followed {
    queued: usize,
    sent: Sent,
}

/// The own transactions under way.
#[derive(Debug, Default)]
pub(super) struct Own {
    followed: BTreeMap<WireId, Followed>,
    order: VecDeque<WireId>,
}

impl Own {
    /// Follows a transaction that waits in the queues of `queued` of `neighbours` neighbours.
    pub(super) fn follow(
        &mut self,
        wire_id: WireId,
        queued: usize,
        neighbours: usize,
    ) -> Option<Sent> {
        let sent = Sent {
            wire_id,
            sent_to: 0,
            neighbours,
        };
        if queued == 0 {
            return Some(sent);
        }
        if self
            .followed
            .insert(wire_id, Followed { queued, sent })
            .is_none()
        {
            self.order.push_back(wire_id);
        }
        if self.order.len() > MAX_OWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.followed.remove(&oldest);
        }
        None
    }

    /// Takes note of a batch that leaves, and returns what has left for everybody now.
    pub(super) fn left(&mut self, batch: &[RawTransaction]) -> Vec<Sent> {
        if self.followed.is_empty() {
            return Vec::new();
        }
        batch
            .iter()
            .filter_map(|raw| self.left_one(&raw.wire_id()))
            .collect()
    }

    fn left_one(&mut self, wire_id: &WireId) -> Option<Sent> {
        let followed = self.followed.get_mut(wire_id)?;
        followed.sent.sent_to += 1;
        if followed.sent.sent_to < followed.queued {
            return None;
        }
        self.order.retain(|one| one != wire_id);
        self.followed.remove(wire_id).map(|followed| followed.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(byte: u8) -> RawTransaction {
        RawTransaction(vec![byte; 100].into())
    }

    #[test]
    fn tells_once_when_it_has_left_for_everybody() {
        let mut own = Own::default();
        let one = transaction(1);
        assert_eq!(own.follow(one.wire_id(), 2, 3), None);
        assert_eq!(own.left(&[one.clone(), transaction(2)]), []);
        let told = Sent {
            wire_id: one.wire_id(),
            sent_to: 2,
            neighbours: 3,
        };
        assert_eq!(own.left(std::slice::from_ref(&one)), [told]);
        assert_eq!(own.left(&[one]), []);
    }

    #[test]
    fn tells_at_once_when_nobody_is_there() {
        let told = Own::default().follow(transaction(1).wire_id(), 0, 0);
        assert_eq!(
            told.map(|sent| (sent.sent_to, sent.neighbours)),
            Some((0, 0))
        );
    }

    #[test]
    fn follows_a_bounded_number() {
        let mut own = Own::default();
        for index in 0..2 * MAX_OWN {
            let raw = RawTransaction(index.to_le_bytes().to_vec().into());
            own.follow(raw.wire_id(), 1, 1);
        }
        assert_eq!((own.followed.len(), own.order.len()), (MAX_OWN, MAX_OWN));
    }
}
