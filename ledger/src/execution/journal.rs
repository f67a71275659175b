//! Changes over an immutable state, which can be taken back to the last mark.
//!
//! Entries are read from the state once and kept decoded while a block is executed. Every change
//! remembers what it replaced, so that a transaction that fails half-way leaves no trace.

use std::collections::BTreeMap;

use super::BlockError;
use crate::account::Account;
use crate::address::AccountId;
use crate::hash::Hash;
use crate::record::Record;
use crate::state::State;
use crate::state_key::StateKey;

/// The entries that a block has read or changed so far.
///
/// Its size is bounded by the block: at most 17 accounts and 16 records per transaction.
pub(super) struct Journal<'a> {
    state: &'a State,
    accounts: BTreeMap<AccountId, Slot>,
    records: BTreeMap<(AccountId, Hash), Record>,
    undo: Vec<Undo>,
}

/// An account as the block sees it.
#[derive(Clone, Copy)]
struct Slot {
    account: Option<Account>,
    changed: bool,
}

/// What a change replaced.
enum Undo {
    Account(AccountId, Slot),
    Record(AccountId, Hash),
}

/// The new values of entries, by key.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl<'a> Journal<'a> {
    /// Starts over `state`.
    pub(super) fn new(state: &'a State) -> Self {
        Self {
            state,
            accounts: BTreeMap::new(),
            records: BTreeMap::new(),
            undo: Vec::new(),
        }
    }

    /// Sets the mark to which [`Journal::roll_back`] returns.
    pub(super) fn mark(&mut self) {
        self.undo.clear();
    }

    /// Takes back all changes since the mark.
    pub(super) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Account(id, slot) => drop(self.accounts.insert(id, slot)),
                Undo::Record(sender, digest) => drop(self.records.remove(&(sender, digest))),
            }
        }
    }

    /// Returns an account, if it exists.
    pub(super) fn account(&mut self, id: &AccountId) -> Result<Option<Account>, BlockError> {
        Ok(self.slot(id)?.account)
    }

    /// Changes or creates an account.
    pub(super) fn set_account(
        &mut self,
        id: AccountId,
        account: Account,
    ) -> Result<(), BlockError> {
        let before = self.slot(&id)?;
        let slot = Slot {
            account: Some(account),
            changed: true,
        };
        self.accounts.insert(id, slot);
        self.undo.push(Undo::Account(id, before));
        Ok(())
    }

    /// Says whether `sender` has a record of `digest`.
    pub(super) fn has_record(&self, sender: &AccountId, digest: &Hash) -> Result<bool, BlockError> {
        let pending = self.records.contains_key(&(*sender, *digest));
        Ok(pending || self.state.get(&StateKey::record(sender, digest))?.is_some())
    }

    /// Adds a record, of which the caller knows that there is none.
    pub(super) fn add_record(&mut self, sender: AccountId, digest: Hash, record: Record) {
        self.records.insert((sender, digest), record);
        self.undo.push(Undo::Record(sender, digest));
    }

    /// Returns the accounts that changed, ascending, and the changes of the state.
    pub(super) fn finish(self) -> (Vec<(AccountId, Account)>, Changes) {
        let touched: Vec<_> = self
            .accounts
            .into_iter()
            .filter(|(_, slot)| slot.changed)
            .filter_map(|(id, slot)| Some((id, slot.account?)))
            .collect();
        let accounts = touched
            .iter()
            .map(|(id, account)| (StateKey::account(id), Some(account.to_bytes())));
        let records = self.records.iter().map(|((sender, digest), record)| {
            (StateKey::record(sender, digest), Some(record.to_bytes()))
        });
        let changes = accounts.chain(records).collect();
        (touched, changes)
    }

    fn slot(&mut self, id: &AccountId) -> Result<Slot, BlockError> {
        if let Some(slot) = self.accounts.get(id) {
            return Ok(*slot);
        }
        let bytes = self.state.get(&StateKey::account(id))?;
        let slot = Slot {
            account: bytes.as_deref().map(Account::from_bytes).transpose()?,
            changed: false,
        };
        self.accounts.insert(*id, slot);
        Ok(slot)
    }
}
