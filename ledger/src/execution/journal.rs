//! Changes over an immutable state, which can be taken back to the last mark.
//!
//! Entries are read from the state once and kept decoded while a block is executed. Every change
//! remembers what it replaced, so that a transaction that fails half-way leaves no trace.

use std::collections::BTreeMap;

use super::BlockError;
use super::candidate_list::CandidateList;
use super::entry::{Entry, Tables};
use super::read_ahead::ReadAhead;
use super::source::Source;
use super::table::Table;
use crate::account::Account;
use crate::address::AccountId;

/// The entries that a block has read or changed so far.
///
/// Its size is bounded by the block: at most 17 accounts, stakes and keys and 16 records per
/// transaction, and beside them what the effects at the end of a block touch.
pub(super) struct Journal<'a> {
    source: &'a dyn Source,
    tables: Tables,
    candidates: CandidateList,
}

/// The new values of entries, by key.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl<'a> Journal<'a> {
    /// Starts over a state of which something was read already.
    pub(super) fn new(ahead: &'a ReadAhead) -> Self {
        Self::over(ahead.state(), ahead.accounts())
    }

    /// Starts over a source of which some accounts were read already.
    pub(super) fn over(
        source: &'a dyn Source,
        accounts: impl Iterator<Item = (AccountId, Option<Account>)>,
    ) -> Self {
        let mut tables = Tables::new();
        tables.accounts = Table::of(accounts);
        Self {
            source,
            tables,
            candidates: CandidateList::new(),
        }
    }

    /// Sets the mark to which [`Journal::roll_back`] returns.
    pub(super) fn mark(&mut self) {
        self.tables.mark();
        self.candidates.mark();
    }

    /// Takes back all changes since the mark.
    pub(super) fn roll_back(&mut self) {
        self.tables.roll_back();
        self.candidates.roll_back();
    }

    /// Returns an entry, if it exists.
    pub(super) fn get<E: Entry>(&mut self, key: E::Key) -> Result<Option<E>, BlockError> {
        E::table(&mut self.tables).get(self.source, key)
    }

    /// Returns an entry that the others say there is.
    pub(super) fn expect<E: Entry>(&mut self, key: E::Key) -> Result<E, BlockError> {
        let entry = self.get(key)?;
        entry.ok_or(BlockError::Missing { entry: E::NAME })
    }

    /// Changes or creates an entry.
    pub(super) fn set<E: Entry>(&mut self, key: E::Key, value: E) -> Result<(), BlockError> {
        E::table(&mut self.tables).set(self.source, key, Some(value))
    }

    /// Removes an entry.
    pub(super) fn remove<E: Entry>(&mut self, key: E::Key) -> Result<(), BlockError> {
        E::table(&mut self.tables).set(self.source, key, None)
    }

    /// Returns the candidates.
    pub(super) fn candidates(&mut self) -> Result<&mut CandidateList, BlockError> {
        self.candidates.load(self.source)?;
        Ok(&mut self.candidates)
    }

    /// Returns all entries that were read or changed.
    pub(super) fn into_parts(self) -> (Tables, CandidateList) {
        (self.tables, self.candidates)
    }

    /// Returns the accounts that changed, ascending, and the changes of the state.
    pub(super) fn finish(self) -> (Vec<(AccountId, Account)>, Changes) {
        let mut changes = Vec::new();
        self.tables
            .visit_changed(|key, value| changes.push((key, value)));
        let list = self.candidates.change();
        changes.extend(list.map(|(key, value)| (key, Some(value))));
        let accounts = self.tables.accounts.changed();
        let touched = accounts.filter_map(|(id, account)| Some((*id, *account?)));
        (touched.collect(), changes.into_iter().collect())
    }
}
