//! What a state holds under the keys that a transaction reads, so that whether it applies can be
//! found out later, without the state.

use std::sync::Arc;

use super::BlockError;
use super::Tip;
use super::source::Source;
use crate::account::Account;
use crate::address::AccountId;
use crate::staking::{CANDIDATES_MAX, Candidates, Stake};
use crate::state::State;
use crate::state_key::StateKey;
use crate::transaction::{Action, VerifiedTransaction};

/// The entries of one state that a transaction reads.
///
/// Bounded by the transaction: at most 17 accounts, 16 records, and for each of its bonds two keys.
#[derive(Clone, Debug)]
pub struct ReadSet {
    accounts: Vec<(AccountId, Option<Account>)>,
    others: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    candidates: Option<(Candidates, usize)>,
}

impl ReadSet {
    /// Reads for each of `transactions` from the state after `tip`; what all of them need is read
    /// together.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn of_each(
        tip: &Tip,
        transactions: &[Arc<VerifiedTransaction>],
    ) -> Result<Vec<Self>, BlockError> {
        let mut sets: Vec<_> = transactions.iter().map(|one| Self::unread(one)).collect();
        read_accounts(&tip.state, &mut sets)?;
        read_records(&tip.state, &mut sets)?;
        for (set, transaction) in sets.iter_mut().zip(transactions) {
            if transaction.body().acts_on_stake() {
                set.read_stake(&tip.state, transaction)?;
            }
        }
        Ok(sets)
    }

    /// Names what a transaction reads.
    fn unread(transaction: &VerifiedTransaction) -> Self {
        let keys = records_of(transaction).map(|key| (key, None));
        Self {
            accounts: accounts_of(transaction),
            others: keys.collect(),
            candidates: None,
        }
    }

    /// Returns an account that the transaction names.
    pub fn account(&self, id: &AccountId) -> Option<Account> {
        let found = self.accounts.iter().find(|(known, _)| known == id);
        found.and_then(|(_, account)| *account)
    }

    /// The accounts that the transaction names.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (AccountId, Option<Account>)> {
        self.accounts.iter().copied()
    }

    fn read_stake(
        &mut self,
        state: &State,
        transaction: &VerifiedTransaction,
    ) -> Result<(), BlockError> {
        let sender = transaction.sender();
        let stake = self.add_stake(state, &sender)?;
        for key in [StateKey::Totals, StateKey::Schedule] {
            self.add(state, key)?;
        }
        for action in &transaction.body().actions {
            if let Action::Bond { consensus_key, .. } = action {
                self.add(state, StateKey::ConsensusKey(*consensus_key))?;
            }
        }
        let (all, _) = state.read_candidates()?;
        let mut some = Candidates::default();
        if let Some(stake) = stake.filter(Stake::is_candidate) {
            some.insert(stake.bonded, sender);
        }
        // Whoever enters a full list pushes out its last; nobody else in it matters.
        if let Some((bonded, last)) = all.last().filter(|_| all.len() >= CANDIDATES_MAX) {
            some.insert(bonded, last);
            self.add_stake(state, &last)?;
        }
        let hidden = all.len().saturating_sub(some.len());
        self.candidates = Some((some, hidden));
        Ok(())
    }

    /// Adds a stake and the key that it votes with.
    fn add_stake(
        &mut self,
        state: &State,
        account: &AccountId,
    ) -> Result<Option<Stake>, BlockError> {
        let bytes = self.add(state, StateKey::Stake(*account))?;
        let stake = bytes.as_deref().map(Stake::from_bytes).transpose()?;
        if let Some(stake) = &stake {
            self.add(state, StateKey::ConsensusKey(stake.consensus_key))?;
        }
        Ok(stake)
    }

    fn add(&mut self, state: &State, key: StateKey) -> Result<Option<Vec<u8>>, BlockError> {
        let key = key.to_bytes();
        let value = state.get(&key)?;
        self.others.push((key, value.clone()));
        Ok(value)
    }
}

impl Source for ReadSet {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
        if StateKey::is_release(key) {
            // A transaction only appends to the queue, and behind its end there is nothing.
            return Ok(None);
        }
        let found = self.others.iter().find(|(known, _)| known == key);
        let entry = "entry that was read before";
        let (_, value) = found.ok_or(BlockError::Missing { entry })?;
        Ok(value.clone())
    }

    fn read_candidates(&self) -> Result<(Candidates, usize), BlockError> {
        let entry = "list that was read before";
        self.candidates.clone().ok_or(BlockError::Missing { entry })
    }
}

fn read_accounts(state: &State, sets: &mut [ReadSet]) -> Result<(), BlockError> {
    let accounts = sets.iter().flat_map(|set| &set.accounts);
    let keys: Vec<_> = accounts
        .map(|(id, _)| StateKey::account_in_place(id))
        .collect();
    let mut found = vec![None; keys.len()];
    let mut malformed = None;
    state.visit_many(&keys, |index, value| match Account::from_bytes(value) {
        Ok(account) => found[index] = Some(account),
        Err(error) => malformed = Some(error),
    })?;
    if let Some(error) = malformed {
        return Err(error.into());
    }
    let accounts = sets.iter_mut().flat_map(|set| &mut set.accounts);
    for ((_, account), found) in accounts.zip(found) {
        *account = found;
    }
    Ok(())
}

fn read_records(state: &State, sets: &mut [ReadSet]) -> Result<(), BlockError> {
    let records = sets.iter().flat_map(|set| &set.others);
    let keys: Vec<_> = records.map(|(key, _)| key.as_slice()).collect();
    let values = state.get_many(&keys)?;
    let records = sets.iter_mut().flat_map(|set| &mut set.others);
    for ((_, value), found) in records.zip(values) {
        *value = found;
    }
    Ok(())
}

/// The sender and all receivers, each once, unread.
fn accounts_of(transaction: &VerifiedTransaction) -> Vec<(AccountId, Option<Account>)> {
    let receivers = transaction.body().actions.iter().filter_map(|action| {
        let Action::Transfer { to, .. } = action else {
            return None;
        };
        Some(*to)
    });
    let ids = receivers.chain([transaction.sender()]);
    let mut unread = Vec::with_capacity(transaction.body().actions.len() + 1);
    unread.extend(ids.map(|id| (id, None)));
    unread.sort_unstable_by_key(|(id, _)| *id);
    unread.dedup_by_key(|(id, _)| *id);
    unread
}

/// The keys of the records that it makes.
fn records_of(transaction: &VerifiedTransaction) -> impl Iterator<Item = Vec<u8>> {
    let sender = transaction.sender();
    transaction.body().actions.iter().filter_map(move |action| {
        let Action::Record { digest, .. } = action else {
            return None;
        };
        Some(StateKey::record(&sender, digest))
    })
}
