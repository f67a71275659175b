//! The candidates as a block sees them: read when they are first needed, one change at a time.

use super::BlockError;
use super::source::Source;
use crate::address::AccountId;
use crate::staking::Candidates;
use crate::state_key::StateKey;
use crate::transaction::Amount;

/// The candidates, with what is needed to take changes back: one entry of 80 KB is never copied.
pub(super) struct CandidateList {
    list: Option<Candidates>,
    /// How many there are beside those of the list, where the reader needs only some.
    hidden: usize,
    changed: bool,
    undo: Vec<Undo>,
}

enum Undo {
    Inserted(Amount, AccountId),
    Removed(Amount, AccountId),
}

impl CandidateList {
    /// Starts without having read them.
    pub(super) const fn new() -> Self {
        Self {
            list: None,
            hidden: 0,
            changed: false,
            undo: Vec::new(),
        }
    }

    /// Reads them, if that was not done.
    pub(super) fn load(&mut self, source: &dyn Source) -> Result<(), BlockError> {
        if self.list.is_none() {
            let (list, hidden) = source.read_candidates()?;
            (self.list, self.hidden) = (Some(list), hidden);
        }
        Ok(())
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.list.as_ref().map_or(0, Candidates::len) + self.hidden
    }

    /// Returns stake and account of the one who is chosen last.
    pub(super) fn last(&self) -> Option<(Amount, AccountId)> {
        self.list.as_ref()?.last()
    }

    /// Returns stake and account of the first `count`.
    pub(super) fn first(&self, count: usize) -> Vec<(Amount, AccountId)> {
        let list = self.list.as_ref().into_iter();
        list.flat_map(Candidates::iter).take(count).collect()
    }

    /// Adds one who is not there.
    pub(super) fn insert(&mut self, bonded: Amount, account: AccountId) {
        if let Some(list) = &mut self.list {
            list.insert(bonded, account);
            self.changed = true;
            self.undo.push(Undo::Inserted(bonded, account));
        }
    }

    /// Removes one who is there.
    pub(super) fn remove(&mut self, bonded: Amount, account: AccountId) -> Result<(), BlockError> {
        let removed = self.list.as_mut().map(|list| list.remove(bonded, account));
        if removed != Some(true) {
            let entry = "candidate";
            return Err(BlockError::Missing { entry });
        }
        self.changed = true;
        self.undo.push(Undo::Removed(bonded, account));
        Ok(())
    }

    /// Sets the mark to which [`CandidateList::roll_back`] returns.
    pub(super) fn mark(&mut self) {
        self.undo.clear();
    }

    /// Takes back all changes since the mark.
    pub(super) fn roll_back(&mut self) {
        while let (Some(undo), Some(list)) = (self.undo.pop(), &mut self.list) {
            match undo {
                Undo::Inserted(bonded, account) => list.remove(bonded, account),
                Undo::Removed(bonded, account) => list.insert(bonded, account),
            };
        }
    }

    /// Returns what was read of them with all changes, if there is one.
    pub(super) fn into_changed(self) -> Option<(Candidates, usize)> {
        let hidden = self.hidden;
        let list = self.list.filter(|_| self.changed);
        list.map(|list| (list, hidden))
    }

    /// Returns key and value of the entry, if it may have changed.
    pub(super) fn change(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let list = self.list.as_ref().filter(|_| self.changed)?;
        Some((StateKey::Candidates.to_bytes(), list.to_bytes()))
    }
}
