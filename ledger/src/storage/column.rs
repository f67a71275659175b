//! The columns: one ordered key space per kind of thing that is stored.

use std::fmt;

/// One ordered key space of the storage.
///
/// The names are part of the format on the disk: a column may be added by a migration, never
/// renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Block headers.
    Header,
    /// The transactions and evidence of blocks.
    Body,
    /// The commit certificates of blocks.
    Certificate,
    /// The validator sets that ever signed, by their hash.
    Validators,
    /// Where a transaction is, by its id.
    TransactionIndex,
    /// The transactions of each account, in order.
    AccountHistory,
    /// The pages of the state.
    State,
    /// The hashes of the pages of the state, from which the trie is rebuilt at start.
    PageHash,
    /// The address book and what is remembered of peers.
    Peer,
    /// Single values: schema version, tip, roots.
    Meta,
}

impl Column {
    /// All columns, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Header,
        Self::Body,
        Self::Certificate,
        Self::Validators,
        Self::TransactionIndex,
        Self::AccountHistory,
        Self::State,
        Self::PageHash,
        Self::Peer,
        Self::Meta,
    ];

    /// The name on the disk and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Body => "body",
            Self::Certificate => "certificate",
            Self::Validators => "validators",
            Self::TransactionIndex => "transaction_index",
            Self::AccountHistory => "account_history",
            Self::State => "state",
            Self::PageHash => "page_hash",
            Self::Peer => "peer",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Column;

    #[test]
    fn names_are_distinct() {
        let names: BTreeSet<_> = Column::ALL.iter().map(|column| column.name()).collect();
        assert_eq!(names.len(), Column::ALL.len());
    }

    #[test]
    fn all_is_in_the_order_of_declaration() {
        for (index, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, index);
        }
    }
}
