//! What this node's own users submitted: kept on disk before anybody is told that it waits.
//!
//! A submission that entered the mempool leaves as [`KeepWrite`]. Its answer, its event and its way
//! to the neighbours wait until the shell says that the write is durable. From then on it is open
//! until a block holds it, or it leaves the mempool for a reason that is told.
//!
//! # Invariants
//! `gone` holds what was open at the last write, or found at the start, and is not any more; so it
//! is no longer than the journal's list of what is open.
//!
//! # Limits
//! [`KEEPS_MAX`] answers wait. What is open waits in the mempool, or is held back at the start, and
//! is bounded there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use starling_ledger::transaction::{RawTransaction, TransactionId, VerifiedTransaction, WireId};

use super::{Action, Answer, Core, Event, RequestId};
use crate::mempool::Left;

/// Most submissions whose answers wait for the disk. Our choice: at 5 ms a sync, as many as would
/// wait for one at 800,000 a second.
pub const KEEPS_MAX: usize = 4_096;

/// Names a write until it is durable; of two, the later one has the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeepId(pub u64);

/// A submission to be kept, synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepWrite {
    /// To be named when it is durable.
    pub id: KeepId,
    /// What was submitted.
    pub transaction: RawTransaction,
    /// Earlier ones that need not be kept any longer.
    pub gone: Vec<WireId>,
}

/// What waited when the node stopped, unchecked, in the order in which it entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// What its own users had submitted, from the journal.
    pub own: Vec<RawTransaction>,
    /// All that waited at a clean stop.
    pub others: Vec<RawTransaction>,
}

/// An answer that waits for the disk.
pub(super) struct Owed {
    /// Whose question it answers.
    pub(super) request: RequestId,
    /// What was submitted.
    pub(super) transaction: Arc<VerifiedTransaction>,
    /// Whether it was here already.
    pub(super) known: bool,
}

/// What a submission waits for.
pub(super) enum Keeping {
    /// Nothing: it is on disk.
    Done(Owed),
    /// A write that is under way.
    UnderWay,
    /// A new write.
    Write(KeepWrite),
}

/// Own submissions that are open.
#[derive(Default)]
pub(super) struct Own {
    open: BTreeMap<TransactionId, (WireId, KeepId)>,
    owed: VecDeque<(KeepId, Owed)>,
    gone: Vec<WireId>,
    last: u64,
    durable: u64,
}

impl Own {
    /// Says whether no more answers may wait.
    pub(super) fn is_full(&self) -> bool {
        self.owed.len() >= KEEPS_MAX
    }

    /// Returns what is open.
    pub(super) fn open(&self) -> impl Iterator<Item = &TransactionId> {
        self.open.keys()
    }

    /// Says whether a submission is not on disk yet.
    pub(super) fn is_under_way(&self, id: &TransactionId) -> bool {
        let write = || self.open.get(id).map(|(_, write)| write.0);
        self.durable < self.last && write().is_some_and(|write| write > self.durable)
    }

    /// Takes in a submission that is in the mempool.
    pub(super) fn keep(&mut self, owed: Owed) -> Keeping {
        let (id, wire_id) = (owed.transaction.id(), owed.transaction.wire_id());
        if let Some((_, write)) = self.open.get(&id) {
            if write.0 <= self.durable {
                return Keeping::Done(owed);
            }
            // Answers go out in the order of writes; the last one comes a moment later.
            self.owed.push_back((KeepId(self.last), owed));
            return Keeping::UnderWay;
        }
        self.last += 1;
        let (write, transaction) = (KeepId(self.last), owed.transaction.raw().clone());
        self.open.insert(id, (wire_id, write));
        self.owed.push_back((write, owed));
        Keeping::Write(KeepWrite {
            id: write,
            transaction,
            gone: std::mem::take(&mut self.gone),
        })
    }

    /// All writes up to this one are durable: returns what is owed now.
    pub(super) fn kept(&mut self, up_to: KeepId) -> Vec<Owed> {
        self.durable = self.durable.max(up_to.0);
        let mut due = Vec::new();
        while let Some((_, owed)) = self.owed.pop_front_if(|(write, _)| write.0 <= up_to.0) {
            due.push(owed);
        }
        due
    }

    /// Takes in what the journal holds already.
    pub(super) fn adopt(&mut self, id: TransactionId, wire_id: WireId) {
        self.open.entry(id).or_insert((wire_id, KeepId(0)));
    }

    /// A block holds a transaction.
    pub(super) fn included(&mut self, id: &TransactionId) {
        if let Some((wire_id, _)) = self.open.remove(id) {
            self.gone.push(wire_id);
        }
    }

    /// A transaction waits no longer, and no block holds it: returns the answers to give instead.
    pub(super) fn left(&mut self, id: &TransactionId) -> Vec<Owed> {
        let Some((wire_id, write)) = self.open.remove(id) else {
            return Vec::new();
        };
        self.gone.push(wire_id);
        if write.0 <= self.durable {
            return Vec::new();
        }
        let owed = std::mem::take(&mut self.owed);
        let (due, rest): (VecDeque<_>, _) = owed
            .into_iter()
            .partition(|(_, owed)| owed.transaction.id() == *id);
        self.owed = rest;
        due.into_iter().map(|(_, owed)| owed).collect()
    }

    /// What the journal holds never comes to wait again.
    pub(super) fn discard(&mut self, wire_id: WireId) {
        self.gone.push(wire_id);
    }
}

impl Core {
    /// Sees to it that a submission is on disk before it is answered.
    pub(super) fn keep(&mut self, owed: Owed) {
        match self.own.keep(owed) {
            Keeping::Done(owed) => self.promise(owed),
            Keeping::UnderWay => {}
            Keeping::Write(write) => self.out.push(Action::Keep(write)),
        }
    }

    /// Submissions are on disk.
    pub(super) fn kept(&mut self, up_to: KeepId) {
        for owed in self.own.kept(up_to) {
            self.promise(owed);
        }
    }

    /// Tells that a transaction left the mempool; whoever submitted it and was not answered yet is
    /// told so in its place.
    pub(super) fn left(&mut self, left: Left) {
        let owed = self.own.left(&left.id);
        let was_told = owed.iter().all(|owed| owed.known);
        for owed in owed {
            self.out.push(Action::Answer {
                id: owed.request,
                answer: Answer::Refused {
                    code: left.why.code(),
                    reason: left.why.to_string(),
                },
            });
        }
        if was_told {
            self.out.push(Action::Event(Event::Left(left)));
        }
    }

    /// Answers a submission that is on disk, and sends it on, unless a block holds it by now.
    fn promise(&mut self, owed: Owed) {
        let Owed {
            request,
            transaction,
            known,
        } = owed;
        let (id, wire_id) = (transaction.id(), transaction.wire_id());
        let enters = self.mempool.contains(&wire_id);
        let waits = enters || self.hold.promised(&wire_id).is_some();
        if waits && !known {
            self.out.push(Action::Event(Event::Accepted(id)));
        }
        self.out.push(Action::Answer {
            id: request,
            answer: Answer::Submitted { id, wire_id, known },
        });
        if enters && !known {
            let raw = transaction.raw().clone();
            self.tell_gossip(starling_gossip::Input::SubmitTransaction(raw));
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::authority::Authority;
    use starling_ledger::hash::Hash;
    use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
    use starling_ledger::transaction::{Action as Does, Body, Transaction};

    use super::*;

    const GENESIS: Hash = Hash([7; 32]);

    fn payment(nonce: u64) -> Arc<VerifiedTransaction> {
        let key = SecretKey::local("alice");
        let authority = Authority::Key(key.public_key());
        let to = authority.account();
        let body = Body {
            sender: None,
            nonce,
            fee: 1,
            expires_at_ms: 1_000,
            memo: String::new(),
            actions: vec![Does::Transfer { to, amount: 1 }],
        };
        let id = body.id(&GENESIS, &to);
        let signatures = vec![key.sign(&id.0.0)];
        let transaction = Transaction {
            body,
            authority,
            signatures,
        };
        let verified = transaction.to_raw().verify(&Ed25519, &GENESIS);
        Arc::new(verified.expect("signed right"))
    }

    fn owed(request: u64, transaction: &Arc<VerifiedTransaction>) -> Owed {
        Owed {
            request: RequestId(request),
            transaction: Arc::clone(transaction),
            known: false,
        }
    }

    fn write(keeping: Keeping) -> KeepWrite {
        match keeping {
            Keeping::Write(write) => write,
            Keeping::Done(_) | Keeping::UnderWay => panic!("nothing is written"),
        }
    }

    fn requests(due: &[Owed]) -> Vec<u64> {
        due.iter().map(|owed| owed.request.0).collect()
    }

    #[test]
    fn nobody_is_answered_before_the_write_of_the_answer_is_durable() {
        let mut own = Own::default();
        let [one, two] = [0, 1].map(payment);
        let first = write(own.keep(owed(1, &one)));
        let second = write(own.keep(owed(2, &two)));
        assert_eq!(
            (&first.transaction, &second.transaction),
            (one.raw(), two.raw())
        );
        // Who asks again while it is written waits for the disk as well.
        assert!(matches!(own.keep(owed(3, &one)), Keeping::UnderWay));
        assert_eq!(requests(&own.kept(KeepId(0))), [0u64; 0]);
        assert!(own.is_under_way(&one.id()));
        assert_eq!(requests(&own.kept(first.id)), [1]);
        assert!(!own.is_under_way(&one.id()) && own.is_under_way(&two.id()));
        assert_eq!(requests(&own.kept(second.id)), [2, 3]);
        assert!(matches!(own.keep(owed(4, &one)), Keeping::Done(_)));
    }

    #[test]
    fn what_waits_no_longer_goes_with_the_next_write() {
        let mut own = Own::default();
        let [one, two, three] = [0, 1, 2].map(payment);
        own.adopt(one.id(), one.wire_id());
        own.keep(owed(1, &two));
        own.included(&one.id());
        own.included(&three.id());
        own.discard(WireId(Hash([9; 32])));
        let gone = write(own.keep(owed(2, &three))).gone;
        assert_eq!(gone, [one.wire_id(), WireId(Hash([9; 32]))]);
        own.included(&two.id());
        // Submitted again, it is written again.
        assert_eq!(write(own.keep(owed(3, &two))).gone, [two.wire_id()]);
        assert_eq!(own.open().count(), 2);
    }

    #[test]
    fn who_was_not_answered_is_told_that_it_left() {
        let mut own = Own::default();
        let [one, two] = [0, 1].map(payment);
        let first = write(own.keep(owed(1, &one)));
        own.keep(owed(2, &two));
        own.keep(owed(3, &one));
        assert_eq!(requests(&own.left(&one.id())), [1, 3]);
        assert_eq!(requests(&own.kept(KeepId(2))), [2]);
        own.keep(owed(4, &one));
        assert!(own.kept(first.id).is_empty());
        assert!(own.left(&two.id()).is_empty(), "it was answered before");
    }

    #[test]
    fn no_more_answers_wait_than_there_is_room_for() {
        let mut own = Own::default();
        let one = payment(0);
        for request in 0..KEEPS_MAX {
            assert!(!own.is_full(), "{request}");
            own.keep(owed(0, &one));
        }
        assert!(own.is_full());
        assert_eq!(own.kept(KeepId(1)).len(), KEEPS_MAX);
    }
}
