//! What waited before the last stop comes back: checked again, like a fresh submission.
//!
//! One batch after the other goes to the workers, in the order in which the transactions had
//! entered, so that each sender's come in the order of their nonces. What is refused for a reason
//! that may pass is held, and tried again when all others were: as often as that lets another one
//! in. After this first pass, what others had sent and still does not enter is let go; their nodes
//! have it. What was submitted here is promised: it is held until its nonce is used or it expires,
//! and tried again when the ledger or the mempool has changed. So nothing is lost where this node
//! was killed before the block that makes a payment possible was on its disk, or where its ledger
//! is being fetched anew.
//!
//! Questions about waiting transactions are answered when the first pass is over.
//!
//! # Limits
//! What comes in is bounded by the files that it is read from. [`REQUESTS_MAX`] questions wait;
//! what comes on top is answered from what is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::execution::{ApplyError, ReadSet};
use starling_ledger::transaction::{RawTransaction, TransactionId, VerifiedTransaction, WireId};
use starling_ledger::vote::Height;

use super::own::Restored;
use super::{Action, Core, Event, HaltReason, Pending, Request, RequestId};
use crate::mempool::MempoolError;
use crate::work::{CheckError, CheckedTransaction, Work};

/// Transactions of one batch. Our choice: some 5 ms of a worker, which then checks fresh ones.
const BATCH_MAX: usize = 256;
/// How often what is held is tried again, at most, in a row. Our choice: a sender's 4,096 waiting
/// transactions, of which each pass lets in what lies within a gap of 64.
const PASSES_MAX: u32 = 64;
/// How long what is held rests. Our choice: nobody waits for it who was not told to wait.
const REST: Duration = Duration::from_secs(1);
/// Most questions that wait for the first pass. Our choice: as many as the shell hands over.
const REQUESTS_MAX: usize = 1_024;

/// What became of what waited before the last stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// How many wait again.
    pub waiting: usize,
    /// How many of those were submitted here.
    pub own: usize,
    /// How many that were submitted here do not enter now and are held.
    pub held: usize,
    /// How many are let go, by a stable word that says why.
    pub gone: BTreeMap<&'static str, usize>,
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            waiting,
            own,
            held,
            gone,
        } = self;
        write!(
            f,
            "of what waited before the restart, {waiting} wait again ({own} submitted here)"
        )?;
        if *held > 0 {
            write!(f, ", {held} are held until they apply")?;
        }
        if !gone.is_empty() {
            let count: usize = gone.values().sum();
            let reasons: Vec<_> = gone
                .iter()
                .map(|(why, count)| format!("{why} {count}"))
                .collect();
            write!(f, ", {count} are let go ({})", reasons.join(", "))?;
        }
        Ok(())
    }
}

/// A transaction from the files.
#[derive(Clone)]
struct Entry {
    raw: RawTransaction,
    wire_id: WireId,
    is_own: bool,
    /// Known after the first check.
    id: Option<TransactionId>,
}

/// What waited before the last stop and has not entered the mempool yet.
pub(super) struct Restore {
    queue: VecDeque<Entry>,
    checking: Vec<Entry>,
    held: Vec<(Entry, &'static str)>,
    /// Passes in a row, and how many entered in this one.
    passes: u32,
    entered: usize,
    /// What the first pass came to so far; `None` when it is over.
    first: Option<RestoreReport>,
    /// When the last pass ended, and whether anything changed since.
    rested: Option<Instant>,
    changed: bool,
    requests: VecDeque<(RequestId, Request)>,
}

/// What a check says of an entry.
enum Fate {
    Waits(TransactionId),
    Held(TransactionId, &'static str),
    Over(&'static str),
    /// The check read the ledger too long ago.
    Again,
}

impl Restore {
    /// Begins with what the files held.
    pub(super) fn new(restored: Restored) -> Self {
        let wire_ids = |all: &[RawTransaction]| -> Vec<_> {
            all.iter().map(RawTransaction::wire_id).collect()
        };
        let own = wire_ids(&restored.own);
        let mine: BTreeSet<_> = own.iter().copied().collect();
        let others = wire_ids(&restored.others);
        // What waited at a clean stop holds all, in the order in which it enters again.
        let all = restored.others.into_iter().zip(others);
        let all = all.chain(restored.own.into_iter().zip(own));
        let mut seen = BTreeSet::new();
        let all = all.filter(|(_, wire_id)| seen.insert(*wire_id));
        let queue: VecDeque<_> = all
            .map(|(raw, wire_id)| Entry {
                raw,
                wire_id,
                is_own: mine.contains(&wire_id),
                id: None,
            })
            .collect();
        Self {
            first: (!queue.is_empty()).then(RestoreReport::default),
            queue,
            checking: Vec::new(),
            held: Vec::new(),
            passes: 0,
            entered: 0,
            rested: None,
            changed: false,
            requests: VecDeque::new(),
        }
    }

    /// Returns what has not entered yet, for whoever stops now.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &RawTransaction> {
        let held = self.held.iter().map(|(entry, _)| entry);
        let all = held.chain(&self.checking).chain(&self.queue);
        all.map(|entry| &entry.raw)
    }

    /// Returns the held transaction with this id.
    pub(super) fn by_id(&self, id: &TransactionId) -> Option<&RawTransaction> {
        let mut held = self.held.iter().map(|(entry, _)| entry);
        let found = held.find(|entry| entry.id.as_ref() == Some(id));
        found.map(|entry| &entry.raw)
    }

    /// Returns the id of the held transaction with these bytes.
    pub(super) fn by_wire_id(&self, wire_id: &WireId) -> Option<TransactionId> {
        let mut held = self.held.iter().map(|(entry, _)| entry);
        held.find(|entry| entry.wire_id == *wire_id)?.id
    }

    /// The ledger or the mempool has changed: what is held may enter now.
    pub(super) const fn changed(&mut self) {
        self.changed = true;
    }

    /// Holds back a question until the first pass is over; gives it back if it need not wait.
    pub(super) fn hold_back(&mut self, id: RequestId, request: Request) -> Option<Request> {
        let asks_of_waiting = !matches!(request, Request::Peers | Request::FailedPeers);
        if self.first.is_none() || !asks_of_waiting || self.requests.len() >= REQUESTS_MAX {
            return Some(request);
        }
        self.requests.push_back((id, request));
        None
    }

    /// Returns when what is held is to be tried again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let waits = self.changed && !self.held.is_empty();
        self.rested.filter(|_| waits).map(|rested| rested + REST)
    }

    /// Begins a pass over what is held, if it is time.
    fn wake(&mut self, now: Instant) {
        if self.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.passes = 0;
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.passes += 1;
        self.entered = 0;
        self.changed = false;
        self.rested = None;
        self.queue = self.held.drain(..).map(|(entry, _)| entry).collect();
    }

    /// Takes out the next batch to check, unless one is under way.
    fn next_batch(&mut self) -> Option<Vec<RawTransaction>> {
        if !self.checking.is_empty() || self.queue.is_empty() {
            return None;
        }
        let count = self.queue.len().min(BATCH_MAX);
        self.checking = self.queue.drain(..count).collect();
        let batch = self.checking.iter().map(|entry| entry.raw.clone());
        Some(batch.collect())
    }

    /// Notes what became of an entry; returns the wire id of one that the journal need not keep.
    fn settle(&mut self, mut entry: Entry, fate: &Fate) -> Option<WireId> {
        match *fate {
            Fate::Again => self.queue.push_back(entry),
            Fate::Waits(_) => {
                self.entered += 1;
                if let Some(report) = &mut self.first {
                    report.waiting += 1;
                    report.own += usize::from(entry.is_own);
                }
            }
            Fate::Held(id, why) if entry.is_own || self.first.is_some() => {
                entry.id = Some(id);
                self.held.push((entry, why));
            }
            Fate::Held(_, why) | Fate::Over(why) => {
                self.let_go(why);
                return entry.is_own.then_some(entry.wire_id);
            }
        }
        None
    }

    fn let_go(&mut self, why: &'static str) {
        if let Some(report) = &mut self.first {
            *report.gone.entry(why).or_default() += 1;
        }
    }

    /// Ends a pass when all were checked; returns the report when that was the first one.
    fn end_pass(&mut self, now: Instant) -> Option<RestoreReport> {
        if !self.checking.is_empty() || !self.queue.is_empty() || self.rested.is_some() {
            return None;
        }
        if self.entered > 0 && !self.held.is_empty() && self.passes < PASSES_MAX {
            self.pass();
            return None;
        }
        self.rested = Some(now);
        for (entry, why) in std::mem::take(&mut self.held) {
            match entry.is_own {
                true => self.held.push((entry, why)),
                false => self.let_go(why),
            }
        }
        let mut report = self.first.take()?;
        report.held = self.held.len();
        Some(report)
    }
}

impl Core {
    /// Tries again what is held, if it is time, and hands out what is to be checked next.
    pub(super) fn wake_restore(&mut self) {
        self.restore.wake(self.now.instant);
        if let Some(batch) = self.restore.next_batch() {
            let tip = self.tip.clone();
            self.hand_out(Work::CheckTransactions { batch, tip }, Pending::Restore);
        } else if let Some(report) = self.restore.end_pass(self.now.instant) {
            self.out.push(Action::Event(Event::Restored(report)));
            for (id, request) in std::mem::take(&mut self.restore.requests) {
                self.request(id, request);
            }
        }
    }

    /// A worker checked a batch of what waited before the last stop.
    pub(super) fn restored(&mut self, height: Height, checked: Vec<CheckedTransaction>) {
        let had_work = self.mempool.has_ready();
        let mut news = Vec::new();
        let entries = std::mem::take(&mut self.restore.checking);
        for (entry, CheckedTransaction { result, .. }) in entries.into_iter().zip(checked) {
            let fate = match result {
                Ok((transaction, reads)) => self.enter_again(&transaction, &reads, height),
                Err(CheckError::Transaction(_)) => Fate::Over("invalid"),
                Err(CheckError::State(error)) => {
                    let reason = error.to_string();
                    return self.halt(HaltReason::Storage { reason });
                }
            };
            if let Fate::Waits(id) = fate {
                news.push(entry.raw.clone());
                if entry.is_own {
                    self.own.adopt(id, entry.wire_id);
                }
            }
            let gone = self.restore.settle(entry, &fate);
            gone.into_iter().for_each(|gone| self.own.discard(gone));
        }
        self.offer_to_all(&news);
        if !had_work && self.mempool.has_ready() {
            self.tell_work_to_do();
        }
        self.wake_restore();
    }

    fn enter_again(
        &mut self,
        transaction: &Arc<VerifiedTransaction>,
        reads: &ReadSet,
        height: Height,
    ) -> Fate {
        let id = transaction.id();
        match self.enter(transaction, reads, height) {
            None => Fate::Again,
            Some(Ok(())) => {
                self.out.push(Action::Event(Event::Accepted(id)));
                Fate::Waits(id)
            }
            Some(Err(MempoolError::Known)) => Fate::Waits(id),
            Some(Err(error)) => match &error {
                MempoolError::Inapplicable(ApplyError::Expired { .. }) => Fate::Over("expired"),
                MempoolError::Inapplicable(ApplyError::Nonce { expected, found })
                    if found < expected =>
                {
                    Fate::Over("nonce_used")
                }
                _ => Fate::Held(id, error.code()),
            },
        }
    }

    /// Sends transactions to the neighbours that are up; the others are offered all that waits when
    /// they come.
    fn offer_to_all(&mut self, transactions: &[RawTransaction]) {
        if transactions.is_empty() {
            return;
        }
        let neighbours: Vec<_> = self.neighbours.iter().copied().collect();
        for peer in neighbours {
            let transactions = transactions.to_vec();
            self.tell_gossip(starling_gossip::Input::Offer { peer, transactions });
        }
    }

    /// Returns what waits, in the order in which it enters again after a restart.
    pub fn waiting(&self) -> Vec<RawTransaction> {
        let pool = self.mempool.all().map(|waiting| waiting.raw());
        let rest = self.hold.told().chain(self.restore.waiting());
        pool.chain(rest).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::hash::Hash;

    use super::*;

    const NOW: Instant = Instant(1_000_000);

    fn raw(number: u8) -> RawTransaction {
        RawTransaction(vec![number].into())
    }

    fn id(raw: &RawTransaction) -> TransactionId {
        TransactionId(Hash([raw.0[0]; 32]))
    }

    fn restore(own: &[u8], others: &[u8]) -> Restore {
        let all = |numbers: &[u8]| numbers.iter().map(|number| raw(*number)).collect();
        Restore::new(Restored {
            own: all(own),
            others: all(others),
        })
    }

    /// Runs passes until they end; `fate` says what becomes of each. Returns the order of checks,
    /// what the journal need not keep, and the report.
    fn run(
        restore: &mut Restore,
        mut fate: impl FnMut(u8) -> Fate,
    ) -> (Vec<u8>, Vec<WireId>, Option<RestoreReport>) {
        let (mut order, mut gone) = (Vec::new(), Vec::new());
        loop {
            if restore.next_batch().is_some() {
                for entry in std::mem::take(&mut restore.checking) {
                    let number = entry.raw.0[0];
                    order.push(number);
                    gone.extend(restore.settle(entry, &fate(number)));
                }
                continue;
            }
            let report = restore.end_pass(NOW);
            if report.is_some() || restore.rested.is_some() {
                return (order, gone, report);
            }
        }
    }

    fn waits(number: u8) -> Fate {
        Fate::Waits(id(&raw(number)))
    }

    fn held(number: u8) -> Fate {
        Fate::Held(id(&raw(number)), "nonce")
    }

    #[test]
    fn what_waited_comes_first_and_in_its_order_and_nothing_comes_twice() {
        let mut restore = restore(&[4, 2], &[3, 2, 1]);
        let (order, gone, report) = run(&mut restore, waits);
        assert_eq!(order, [3, 2, 1, 4]);
        assert_eq!(gone, []);
        let report = report.unwrap();
        assert_eq!((report.waiting, report.own, report.held), (4, 2, 0));
        assert_eq!(restore.waiting().count(), 0);
    }

    #[test]
    fn what_is_held_is_tried_again_as_long_as_that_helps() {
        let mut restore = restore(&[], &[3, 2, 1]);
        let mut next = 1;
        let (order, _, report) = run(&mut restore, |number| {
            if number == next {
                next += 1;
                waits(number)
            } else {
                held(number)
            }
        });
        assert_eq!(order, [3, 2, 1, 3, 2, 3]);
        assert_eq!(report.unwrap().waiting, 3);
    }

    #[test]
    fn what_was_submitted_here_is_held_until_it_enters_or_is_over() {
        let mut restore = restore(&[1, 2], &[1, 2, 3, 4]);
        let (_, gone, report) = run(&mut restore, |number| match number {
            4 => Fate::Over("expired"),
            number => held(number),
        });
        assert_eq!(gone, [], "nothing of the journal is over");
        let report = report.unwrap();
        let words = [("expired", 1), ("nonce", 1)];
        assert_eq!((report.held, report.gone), (2, words.into_iter().collect()));
        assert_eq!(restore.by_id(&id(&raw(2))), Some(&raw(2)));
        assert_eq!(restore.by_wire_id(&raw(1).wire_id()), Some(id(&raw(1))));
        // It rests until something changes.
        assert_eq!(restore.next_deadline(), None);
        restore.changed();
        assert_eq!(restore.next_deadline(), Some(NOW + REST));
        restore.wake(NOW);
        assert!(restore.next_batch().is_none());
        restore.wake(NOW + REST);
        let (order, gone, report) = run(&mut restore, |number| match number {
            1 => Fate::Over("nonce_used"),
            number => waits(number),
        });
        assert_eq!((order, gone), (vec![1, 2], vec![raw(1).wire_id()]));
        assert_eq!((report, restore.waiting().count()), (None, 0));
    }

    #[test]
    fn whoever_stops_at_any_moment_loses_nothing() {
        let mut restore = restore(&[1], &[2, 3]);
        assert_eq!(restore.waiting().count(), 3);
        restore.next_batch();
        assert_eq!(restore.waiting().count(), 3);
        for entry in std::mem::take(&mut restore.checking) {
            restore.settle(entry, &held(1));
        }
        assert_eq!(restore.waiting().count(), 3);
    }

    #[test]
    fn questions_about_what_waits_are_answered_after_the_first_pass() {
        let mut one = restore(&[1], &[]);
        let ask = || Request::Pending(id(&raw(1)));
        assert!(one.hold_back(RequestId(1), Request::Peers).is_some());
        assert!(one.hold_back(RequestId(2), ask()).is_none());
        run(&mut one, waits);
        assert!(one.hold_back(RequestId(3), ask()).is_some());
        assert_eq!(one.requests.len(), 1);
        let mut none = restore(&[], &[]);
        assert!(none.hold_back(RequestId(1), ask()).is_some());
    }

    #[test]
    fn the_report_says_what_became_of_each() {
        let report = RestoreReport {
            waiting: 5,
            own: 2,
            held: 1,
            gone: [("expired", 2), ("nonce_used", 3)].into_iter().collect(),
        };
        assert_eq!(
            report.to_string(),
            "of what waited before the restart, 5 wait again (2 submitted here), 1 are held until \
             they apply, 5 are let go (expired 2, nonce_used 3)"
        );
    }
}
