//! Transactions on their way in: from a neighbour or a request, through a check, into the mempool.
//!
//! A worker verifies them and reads of the tip what they read. Whether they apply there, behind
//! what waits of their sender, is found out here, by the mempool. What may apply soon is held back
//! ([`hold`](super::hold)). Whoever was told that a transaction is accepted hears of its end: in a
//! block, or [`Event::Left`].
//!
//! A check may be of an older tip than ours. It counts if no block since then touched the sender,
//! and if it says yes: entries that a transaction reads come into being and stay. Otherwise it is
//! done anew, for which the signature is remembered.

use std::collections::BTreeSet;
use std::sync::Arc;

use starling_gossip::input::Verdict;
use starling_gossip::{PeerFault, PeerId};
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::execution::{ApplyError, BlockError, NextBlock, ReadSet};
use starling_ledger::transaction::{RawTransaction, TransactionId, VerifiedTransaction, WireId};
use starling_ledger::vote::Height;

use super::checks::Source;
use super::hold::{Coming, Origin, TRIES, Why};
use super::own::Owed;
use super::{Action, Answer, Core, Event, HaltReason, Pending, Request, RequestId, WorkId};
use crate::drops::Dropped;
use crate::mempool::{Departure, Left, MempoolError, RanQueue};
use crate::work::{CheckError, CheckedTransaction, Work};

/// Transactions that were held back and are checked together: about as many as in a frame.
const HELD_BATCH: usize = 256;

impl Core {
    /// A request of the HTTP side.
    pub(super) fn request(&mut self, id: RequestId, request: Request) {
        let Some(request) = self.restore.hold_back(id, request) else {
            return;
        };
        let answer = match request {
            Request::Submit(raw) => return self.submit(id, raw),
            Request::NextNonce(account) => Answer::NextNonce(self.mempool.next_nonce(&account)),
            Request::Pending(id) => {
                let waiting = self.mempool.by_id(&id).or_else(|| self.hold.by_id(&id));
                let waiting = waiting.map(|transaction| transaction.raw());
                Answer::Pending(waiting.or_else(|| self.restore.by_id(&id)).cloned())
            }
            Request::Peers => {
                let peers = self.gossip.peers().into_iter();
                let clock = |peer: &PeerId| self.clocks.of(peer);
                Answer::Peers(peers.map(|one| (one.clone(), clock(&one.peer))).collect())
            }
            Request::FailedPeers => Answer::FailedPeers(self.gossip.failed()),
        };
        self.out.push(Action::Answer { id, answer });
    }

    fn submit(&mut self, id: RequestId, raw: RawTransaction) {
        let wire_id = raw.wire_id();
        let waiting = self.mempool.by_wire_id(&wire_id);
        if let Some(known) = waiting.or_else(|| self.hold.promised(&wire_id)) {
            let transaction = Arc::clone(known);
            self.keep(Owed {
                request: id,
                transaction,
                known: true,
            });
        } else if let Some(held) = self.restore.by_wire_id(&wire_id) {
            let answer = Answer::Submitted {
                id: held,
                wire_id,
                known: true,
            };
            self.out.push(Action::Answer { id, answer });
        } else if self.checks.is_full() || self.own.is_full() {
            let error = MempoolError::Busy;
            self.answer_refused(id, error.code(), error.to_string());
        } else {
            self.checks.push((Source::Request(id), vec![raw]));
            self.refill_checks();
        }
    }

    /// A neighbour sent transactions that gossip had not seen.
    pub(super) fn transactions_came(&mut self, from: PeerId, batch: Vec<RawTransaction>) {
        if self.checks.is_full() {
            let count = batch.len() as u64;
            self.drops.add(Dropped::TransactionChecksFull, count);
            for raw in batch {
                self.tell_verdict(raw.wire_id(), Verdict::Dropped);
            }
            return;
        }
        self.checks.push((Source::Peer(from), batch));
        self.refill_checks();
    }

    /// Hands out waiting batches while there is room.
    pub(super) fn refill_checks(&mut self) {
        while let Some((source, batch)) = self.checks.next() {
            let tip = self.tip.clone();
            let work = Work::CheckTransactions { batch, tip };
            let id = self.hand_out(work, Pending::Check(source));
            self.checks.handed_out(id);
        }
    }

    /// A worker checked a batch.
    pub(super) fn checked(
        &mut self,
        (id, source): (WorkId, Source),
        height: Height,
        checked: Vec<CheckedTransaction>,
    ) {
        self.checks.came_back(id, (source, height, checked));
        let had_work = self.mempool.has_ready();
        while let Some((source, height, checked)) = self.checks.take_checked() {
            let mut again = Vec::new();
            for one in checked {
                again.extend(self.take_in(source, height, one));
            }
            if !again.is_empty() {
                self.checks.push_first((source, again));
            }
        }
        if !had_work && self.mempool.has_ready() {
            self.tell_work_to_do();
        }
        self.rerun_queues();
        self.refill_checks();
    }

    /// Takes in a checked transaction; returns it if it has to be checked again.
    fn take_in(
        &mut self,
        source: Source,
        height: Height,
        CheckedTransaction { wire_id, result }: CheckedTransaction,
    ) -> Option<RawTransaction> {
        match result {
            Ok((transaction, reads)) => {
                let Some(entered) = self.enter(&transaction, &reads, height) else {
                    return Some(transaction.raw().clone());
                };
                if let Some(coming) = self.coming(source, transaction) {
                    match entered {
                        Ok(()) => self.entered(&coming),
                        Err(error) => self.hold_or_refuse(coming, error),
                    }
                }
            }
            Err(CheckError::Transaction(error)) => {
                let reason = error.to_string();
                match source {
                    Source::Request(id) => self.answer_refused(id, "invalid", reason),
                    Source::Peer(_) => {
                        let fault = PeerFault::InvalidTransaction { reason };
                        self.tell_verdict(wire_id, Verdict::Fault(fault));
                    }
                    // What is held back was verified before.
                    Source::Held => {}
                }
            }
            Err(CheckError::State(error)) => self.halt_for(error.to_string()),
        }
        None
    }

    fn coming(&mut self, source: Source, transaction: Arc<VerifiedTransaction>) -> Option<Coming> {
        let origin = match source {
            Source::Peer(peer) => Origin::Peer {
                peer,
                is_judged: false,
            },
            Source::Request(id) => Origin::Asked(id),
            // It may have lost its place meanwhile, and was told so.
            Source::Held => return self.hold.take(&transaction.wire_id()),
        };
        Some(Coming {
            transaction,
            origin,
            tries_left: TRIES,
        })
    }

    /// Lets a transaction into the mempool, if it applies to the tip behind what waits of its
    /// sender; `None` if the check is of too old a tip to tell.
    pub(super) fn enter(
        &mut self,
        transaction: &Arc<VerifiedTransaction>,
        reads: &ReadSet,
        height: Height,
    ) -> Option<Result<(), MempoolError>> {
        let is_latest = height == self.tip.height;
        if !is_latest
            && (transaction.body().acts_on_stake()
                || !self.recent.is_current(&transaction.sender(), height))
        {
            return None;
        }
        let next = NextBlock::after(&self.tip);
        let entered = self.mempool.insert(Arc::clone(transaction), reads, &next);
        match entered {
            Err(MempoolError::Inapplicable(_)) if !is_latest => None,
            entered => Some(entered),
        }
    }

    fn entered(&mut self, coming: &Coming) {
        let transaction = &coming.transaction;
        // It may have come twice, and have been held back the first time.
        if let Some(earlier) = self.hold.take(&transaction.wire_id()) {
            self.refuse(&earlier, MempoolError::Known);
        }
        let raw = transaction.raw().clone();
        let accepted = Action::Event(Event::Accepted(transaction.id()));
        match coming.origin {
            Origin::Peer { is_judged, .. } => {
                self.out.push(accepted);
                match is_judged {
                    true => self.tell_gossip(starling_gossip::Input::RelayTransaction(raw)),
                    false => self.tell_verdict(transaction.wire_id(), Verdict::Accepted),
                }
            }
            Origin::Asked(request) => self.keep(Owed {
                request,
                transaction: Arc::clone(transaction),
                known: false,
            }),
            // It is sent on when it is on disk.
            Origin::Told if self.own.is_under_way(&transaction.id()) => {}
            Origin::Told => self.tell_gossip(starling_gossip::Input::SubmitTransaction(raw)),
        }
        self.restore.changed();
        self.check_behind(&transaction.sender());
    }

    /// What is held back behind the last that waits of a sender may enter now.
    fn check_behind(&mut self, sender: &AccountId) {
        if self.hold.is_empty() {
            return;
        }
        if let Some(next) = self.mempool.next_nonce(sender) {
            let due = self.hold.behind(sender, next);
            self.check_held(due);
        }
    }

    /// Holds a transaction back that may enter soon.
    fn hold_or_refuse(&mut self, mut coming: Coming, error: MempoolError) {
        let from_peer = matches!(coming.origin, Origin::Peer { .. });
        let why = match &error {
            MempoolError::Unsettled => Why::Unsettled,
            MempoolError::Early { .. } => Why::Early,
            error if from_peer && error.may_pass() && coming.tries_left > 0 => {
                coming.tries_left -= 1;
                Why::NotYet
            }
            _ => return self.refuse(&coming, error),
        };
        let transaction = Arc::clone(&coming.transaction);
        if self.hold.promised(&transaction.wire_id()).is_some() {
            return self.refuse(&coming, MempoolError::Busy);
        }
        let asked = match (coming.origin, why) {
            (Origin::Asked(id), Why::Early) => Some(id),
            _ => None,
        };
        match &mut coming.origin {
            origin if asked.is_some() => *origin = Origin::Told,
            Origin::Peer { is_judged, .. } => {
                // A neighbour's other transactions are not to wait for this one.
                if !std::mem::replace(is_judged, true) {
                    self.tell_verdict(transaction.wire_id(), Verdict::Dropped);
                }
            }
            Origin::Asked(_) | Origin::Told => {}
        }
        match (self.hold.put(coming, why), asked) {
            (Some(own), Some(id)) if own.transaction.id() == transaction.id() => {
                let error = MempoolError::Busy;
                return self.answer_refused(id, error.code(), error.to_string());
            }
            (Some(displaced), _) => self.refuse(&displaced, MempoolError::Busy),
            (None, _) => {}
        }
        if let Some(request) = asked {
            self.keep(Owed {
                request,
                transaction,
                known: false,
            });
        }
    }

    fn refuse(&mut self, coming: &Coming, error: MempoolError) {
        let transaction = &coming.transaction;
        if matches!(coming.origin, Origin::Peer { .. }) {
            self.drops.count(Dropped::TransactionRefused);
        }
        match coming.origin {
            Origin::Peer {
                is_judged: true, ..
            } => {}
            Origin::Peer { .. } => self.tell_verdict(transaction.wire_id(), Verdict::Dropped),
            Origin::Asked(id) if error == MempoolError::Known => {
                self.keep(Owed {
                    request: id,
                    transaction: Arc::clone(transaction),
                    known: true,
                });
            }
            Origin::Asked(id) => self.answer_refused(id, error.code(), error.to_string()),
            // Where it waits all the same, it has not left.
            Origin::Told if self.mempool.by_id(&transaction.id()).is_some() => {}
            Origin::Told => {
                let why = Departure::of_refusal(error);
                let id = transaction.id();
                self.left(Left { id, why });
            }
        }
    }

    /// A block was decided: what waits and what is held back follows it.
    pub(super) fn waiting_after_block(
        &mut self,
        touched: &[(AccountId, Account)],
        included: &[TransactionId],
    ) {
        self.mempool.apply_block(touched, included);
        self.hold.apply_block(included);
        for id in included {
            self.own.included(id);
        }
        self.restore.changed();
        let time_ms = self.tip.time_ms.saturating_add(1);
        self.mempool.expire(time_ms);
        for coming in self.hold.expire(time_ms) {
            let expires_at_ms = coming.transaction.body().expires_at_ms;
            let error = ApplyError::Expired {
                expires_at_ms,
                time_ms,
            };
            self.refuse(&coming, error.into());
        }
        let is_touched = |id: &AccountId| touched.binary_search_by(|(one, _)| one.cmp(id)).is_ok();
        let due = self.hold.after_block(is_touched);
        self.check_held(due);
        self.rerun_queues();
        // Before the next block, which may hold them after all.
        self.tell_left();
    }

    /// Tells what left the mempool.
    pub(super) fn tell_left(&mut self) {
        for left in self.mempool.take_left() {
            self.left(left);
        }
    }

    fn check_held(&mut self, due: Vec<RawTransaction>) {
        for batch in due.chunks(HELD_BATCH) {
            self.checks.push((Source::Held, batch.to_vec()));
        }
        self.refill_checks();
    }

    /// Hands out the queues that have to be run anew, one piece of work at a time.
    fn rerun_queues(&mut self) {
        if self.rerunning {
            return;
        }
        let queues = self.mempool.take_stale();
        if queues.is_empty() {
            return;
        }
        self.rerunning = true;
        let tip = self.tip.clone();
        self.hand_out(Work::RunQueues { queues, tip }, Pending::RunQueues);
    }

    /// A worker ran queues anew.
    pub(super) fn queues_ran(&mut self, ran: Result<Vec<RanQueue>, BlockError>) {
        self.rerunning = false;
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) => return self.halt_for(error.to_string()),
        };
        let mut senders = BTreeSet::new();
        for queue in ran {
            senders.insert(queue.sender);
            self.mempool.settle(queue);
        }
        let due = self.hold.settled(&senders);
        self.check_held(due);
        self.rerun_queues();
        if !self.mempool.has_ready() {
            self.tell_work_to_do();
        }
    }

    fn halt_for(&mut self, reason: String) {
        self.halt(HaltReason::Storage { reason });
    }

    fn answer_refused(&mut self, id: RequestId, code: &'static str, reason: String) {
        let answer = Answer::Refused { code, reason };
        self.out.push(Action::Answer { id, answer });
    }

    fn tell_verdict(&mut self, wire_id: WireId, verdict: Verdict) {
        let input = starling_gossip::Input::TransactionChecked { wire_id, verdict };
        self.tell_gossip(input);
    }
}
