//! O12: what a node called accepted is never forgotten, nor at a clean stop anything that waits.
//!
//! A submission that was answered is waiting at that node, over any crash, until it is final, the
//! chain's time is past what it allows, its nonce is used by another one, or the node said why it
//! waits no longer.

use std::collections::{BTreeMap, BTreeSet};

use starling_ledger::address::AccountId;
use starling_ledger::transaction::{Nonce, RawTransaction, TransactionId, WireId};

use super::chain::Chain;
use super::ledger::Ledger;
use super::{Breach, Oracles};

/// What each node promised.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    made: BTreeMap<usize, BTreeMap<TransactionId, Promise>>,
    /// What waited when a node stopped in good order.
    stopped: BTreeMap<usize, Vec<WireId>>,
    restarts: u64,
}

#[derive(Clone, Debug)]
struct Promise {
    wire_id: WireId,
    sender: AccountId,
    nonce: Nonce,
    expires_at_ms: u64,
}

impl Promises {
    /// Notes that `node` called a submission accepted.
    pub fn accepted(&mut self, node: usize, id: TransactionId, raw: &RawTransaction) {
        let Ok(transaction) = raw.decode() else {
            return;
        };
        let body = &transaction.body;
        let derived = || transaction.authority.account();
        let promise = Promise {
            wire_id: raw.wire_id(),
            sender: body.sender.unwrap_or_else(derived),
            nonce: body.nonce,
            expires_at_ms: body.expires_at_ms,
        };
        self.made.entry(node).or_default().insert(id, promise);
    }

    /// Notes that `node` said why a transaction waits no longer.
    pub fn left(&mut self, node: usize, id: &TransactionId) {
        if let Some(made) = self.made.get_mut(&node) {
            made.remove(id);
        }
    }

    /// Notes what waited when `node` stopped in good order.
    pub fn stopped(&mut self, node: usize, waiting: &[RawTransaction]) {
        let waiting = waiting.iter().map(RawTransaction::wire_id).collect();
        self.stopped.insert(node, waiting);
    }

    /// Notes that `node` has lost its disk.
    pub fn wiped(&mut self, node: usize) {
        self.made.remove(&node);
        self.stopped.remove(&node);
    }

    /// Returns how many promises outlived a stop, clean or not.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    fn started(&mut self, node: usize, waiting: &BTreeSet<WireId>) -> Result<(), Breach> {
        let stopped = self.stopped.remove(&node).unwrap_or_default();
        match stopped.iter().find(|one| !waiting.contains(one)) {
            Some(lost) => {
                let what = format!("node {} lost {lost:?} at a clean stop", node + 1);
                Err(Breach::new("O12", what))
            }
            None => Ok(()),
        }
    }
}

impl Promise {
    fn is_over(&self, id: &TransactionId, chain: &Chain, ledger: &Ledger) -> bool {
        let account = ledger.accounts().get(&self.sender);
        chain.transactions().contains_key(id)
            || chain.time_ms() > self.expires_at_ms
            || account.is_some_and(|account| account.nonce > self.nonce)
    }
}

impl Oracles {
    /// Judges what waits at `node` right after its start: all that it read from its disk.
    ///
    /// # Errors
    /// The transaction that it forgot.
    pub fn started(&mut self, node: usize, waiting: &[RawTransaction]) -> Result<(), Breach> {
        let wire_ids = waiting.iter().map(RawTransaction::wire_id).collect();
        self.promises.started(node, &wire_ids)?;
        self.promises.restarts += self.keeps(node, &wire_ids)?;
        Ok(())
    }

    /// Judges what waits at `node` at any later time.
    ///
    /// # Errors
    /// The transaction that it forgot.
    pub fn remembers(&mut self, node: usize, waiting: &[RawTransaction]) -> Result<(), Breach> {
        let wire_ids = waiting.iter().map(RawTransaction::wire_id).collect();
        self.keeps(node, &wire_ids).map(|_| ())
    }

    /// Forgets the promises that are over; the others must wait. Returns how many those are.
    fn keeps(&mut self, node: usize, waiting: &BTreeSet<WireId>) -> Result<u64, Breach> {
        let Some(made) = self.promises.made.get_mut(&node) else {
            return Ok(0);
        };
        made.retain(|id, promise| !promise.is_over(id, &self.chain, &self.ledger));
        match made.iter().find(|(_, one)| !waiting.contains(&one.wire_id)) {
            Some((lost, _)) => {
                let what = format!("node {} forgot {lost}, which it had accepted", node + 1);
                Err(Breach::new("O12", what))
            }
            None => Ok(u64::try_from(made.len()).unwrap_or(u64::MAX)),
        }
    }
}
