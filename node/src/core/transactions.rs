//! Transactions on their way in: from a neighbour or a request, through a check, into the mempool.
//!
//! # Limits
//! [`CHECKS_MAX`] batches are under check at once and [`WAITING_MAX`] wait; what comes on top is
//! dropped and its sender told so. The accounts that recent blocks touched are kept for
//! [`RECENT_HEIGHTS`] blocks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use starling_gossip::PeerFault;
use starling_gossip::input::Verdict;
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::execution::check_against_account;
use starling_ledger::transaction::{Nonce, RawTransaction, VerifiedTransaction, WireId};
use starling_ledger::vote::Height;

use super::{Action, Answer, Core, Event, HaltReason, Pending, Request, RequestId};
use crate::work::{CheckError, CheckedTransaction, Work};

/// Most batches under check. Our choice: enough to keep some threads busy, little enough to bound
/// delay.
pub(super) const CHECKS_MAX: usize = 16;
/// Most batches that wait for a check. A batch is at most one frame of 64 KiB: 16 MiB in all.
pub(super) const WAITING_MAX: usize = 256;
/// For how many blocks touched accounts are remembered. Our choice: a check is back long before.
const RECENT_HEIGHTS: usize = 16;

/// Who wants a transaction checked.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// A neighbour sent it.
    Peer,
    /// A person or program submitted it here.
    Request(RequestId),
}

/// Batches under check, and those that wait.
#[derive(Default)]
pub(super) struct Checks {
    in_flight: usize,
    waiting: VecDeque<(Source, Vec<RawTransaction>)>,
}

/// The accounts that recent blocks touched, so that a check read before them is brought up to date.
#[derive(Default)]
pub(super) struct RecentAccounts {
    accounts: BTreeMap<AccountId, (Height, Account)>,
    heights: VecDeque<(Height, Vec<AccountId>)>,
}

impl RecentAccounts {
    /// Takes over what a block touched.
    pub(super) fn extend(&mut self, height: Height, touched: &[(AccountId, Account)]) {
        for (id, account) in touched {
            self.accounts.insert(*id, (height, *account));
        }
        self.heights
            .push_back((height, touched.iter().map(|(id, _)| *id).collect()));
        if self.heights.len() > RECENT_HEIGHTS {
            let (oldest, ids) = self.heights.pop_front().unwrap_or_default();
            for id in ids {
                if self
                    .accounts
                    .get(&id)
                    .is_some_and(|(height, _)| *height == oldest)
                {
                    self.accounts.remove(&id);
                }
            }
        }
    }

    /// Says whether a check read at `height` can be brought up to date.
    fn reaches(&self, height: Height) -> bool {
        self.heights
            .front()
            .is_none_or(|(oldest, _)| height + 1 >= *oldest)
    }

    /// Returns the account as of the tip, given what was read at `height`.
    fn current(&self, id: &AccountId, height: Height, read: Option<Account>) -> Option<Account> {
        match self.accounts.get(id) {
            Some((touched, account)) if *touched > height => Some(*account),
            _ => read,
        }
    }
}

impl Core {
    /// A request of the HTTP side.
    pub(super) fn request(&mut self, id: RequestId, request: Request) {
        let answer = match request {
            Request::Submit(raw) => return self.submit(id, raw),
            Request::NextNonce(account) => Answer::NextNonce(self.mempool.next_nonce(&account)),
            Request::Pending(id) => {
                let waiting = self.mempool.by_id(&id);
                Answer::Pending(waiting.map(|transaction| transaction.raw().clone()))
            }
            Request::Peers => Answer::Peers(self.gossip.peers()),
        };
        self.out.push(Action::Answer { id, answer });
    }

    fn submit(&mut self, id: RequestId, raw: RawTransaction) {
        if let Some(known) = self.mempool.by_wire_id(&raw.wire_id()) {
            let answer = submitted(known, true);
            self.out.push(Action::Answer { id, answer });
        } else if self.checks.waiting.len() >= WAITING_MAX {
            let reason = "too many transactions wait for their check; try again".to_owned();
            self.out.push(Action::Answer {
                id,
                answer: Answer::Refused {
                    code: "busy",
                    reason,
                },
            });
        } else {
            self.checks
                .waiting
                .push_back((Source::Request(id), vec![raw]));
            self.refill_checks();
        }
    }

    /// A neighbour sent transactions that gossip had not seen.
    pub(super) fn transactions_came(&mut self, batch: Vec<RawTransaction>) {
        if self.checks.waiting.len() >= WAITING_MAX {
            for raw in batch {
                self.tell_verdict(raw.wire_id(), Verdict::Dropped);
            }
            return;
        }
        self.checks.waiting.push_back((Source::Peer, batch));
        self.refill_checks();
    }

    /// Hands out waiting batches while there is room.
    pub(super) fn refill_checks(&mut self) {
        while self.checks.in_flight < CHECKS_MAX {
            let Some((source, batch)) = self.checks.waiting.pop_front() else {
                return;
            };
            self.checks.in_flight += 1;
            let work = Work::CheckTransactions {
                batch,
                tip: self.tip.clone(),
            };
            self.hand_out(work, Pending::Check(source));
        }
    }

    /// A worker checked a batch.
    pub(super) fn checked(
        &mut self,
        source: Source,
        height: Height,
        checked: Vec<CheckedTransaction>,
    ) {
        self.checks.in_flight -= 1;
        let had_work = self.mempool.has_ready();
        for CheckedTransaction { wire_id, result } in checked {
            let verdict = match result {
                Ok((transaction, account)) if self.recent.reaches(height) => {
                    let id = transaction.sender();
                    let account = self.recent.current(&id, height, account);
                    self.admit(source, transaction, account)
                }
                Ok((transaction, _)) => {
                    self.check_again(source, transaction.raw().clone());
                    continue;
                }
                Err(CheckError::Transaction(error)) => {
                    let reason = error.to_string();
                    self.refuse(source, "invalid", reason.clone());
                    Verdict::Fault(PeerFault::InvalidTransaction { reason })
                }
                Err(error @ (CheckError::State(_) | CheckError::Entry(_))) => {
                    return self.halt(HaltReason::Storage {
                        reason: error.to_string(),
                    });
                }
            };
            if let Source::Peer = source {
                self.tell_verdict(wire_id, verdict);
            }
        }
        if !had_work && self.mempool.has_ready() {
            self.tell_work_to_do();
        }
        self.refill_checks();
    }

    /// The check read the ledger too long ago: it is done anew.
    fn check_again(&mut self, source: Source, raw: RawTransaction) {
        self.checks.waiting.push_front((source, vec![raw]));
    }

    fn admit(
        &mut self,
        source: Source,
        transaction: Arc<VerifiedTransaction>,
        account: Option<Account>,
    ) -> Verdict {
        let time_ms = self.tip.time_ms;
        if let Err((code, reason)) = self.enter(&transaction, account.as_ref(), time_ms) {
            self.refuse(source, code, reason);
            return Verdict::Dropped;
        }
        self.out
            .push(Action::Event(Event::Accepted(transaction.id())));
        if let Source::Request(id) = source {
            self.out.push(Action::Answer {
                id,
                answer: submitted(&transaction, false),
            });
            let raw = transaction.raw().clone();
            self.tell_gossip(starling_gossip::Input::SubmitTransaction(raw));
        }
        Verdict::Accepted
    }

    fn enter(
        &mut self,
        transaction: &Arc<VerifiedTransaction>,
        account: Option<&Account>,
        time_ms: u64,
    ) -> Result<(), (&'static str, String)> {
        // A gap counts from the last nonce that waits, so that a sender may queue as many as it
        // likes.
        let waiting = self.mempool.next_nonce(&transaction.sender());
        let reached = account.map(|account| {
            let next = waiting
                .unwrap_or(account.nonce)
                .clamp(account.nonce, Nonce::MAX);
            Account {
                nonce: next.min(transaction.body().nonce.max(account.nonce)),
                ..*account
            }
        });
        let parameters = &self.tip.genesis.parameters;
        check_against_account(transaction, reached.as_ref(), parameters, time_ms)
            .map_err(|error| (error.code(), error.to_string()))?;
        let Some(account) = account else {
            return Ok(());
        };
        self.mempool
            .insert(Arc::clone(transaction), account, time_ms)
            .map_err(|error| (error.code(), error.to_string()))
    }

    fn refuse(&mut self, source: Source, code: &'static str, reason: String) {
        if let Source::Request(id) = source {
            let answer = Answer::Refused { code, reason };
            self.out.push(Action::Answer { id, answer });
        }
    }

    fn tell_verdict(&mut self, wire_id: WireId, verdict: Verdict) {
        let input = starling_gossip::Input::TransactionChecked { wire_id, verdict };
        self.tell_gossip(input);
    }
}

fn submitted(transaction: &VerifiedTransaction, known: bool) -> Answer {
    Answer::Submitted {
        id: transaction.id(),
        wire_id: transaction.wire_id(),
        known,
    }
}
