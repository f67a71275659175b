//! The kinds of entries that execution reads and changes one by one.

use super::table::Table;
use crate::account::Account;
use crate::address::AccountId;
use crate::codec::CodecError;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::record::Record;
use crate::staking::{ConsensusKey, Epoch, EpochEnd, Presence, QueuedRelease, Schedule, Stake};
use crate::state_key::StateKey;
use crate::supply::Totals;

/// A kind of entry of the state.
pub(super) trait Entry: Clone {
    /// What tells two entries of this kind apart; `()` where there is one.
    type Key: Copy + Ord;
    /// Its name for people.
    const NAME: &'static str;

    /// Returns the key of the state.
    fn state_key(key: &Self::Key) -> Vec<u8>;
    /// Encodes it for the state.
    fn to_bytes(&self) -> Vec<u8>;
    /// Decodes an entry of the state.
    fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError>;
    /// Picks the table of this kind.
    fn table(tables: &mut Tables) -> &mut Table<Self>;
}

/// Declares the kinds: type, key, table, and what makes the key of the state.
macro_rules! entries {
    ($($kind:ident, $key:ty, $table:ident, $state_key:expr;)*) => {
        /// One table for each kind.
        pub(super) struct Tables {
            $(pub(super) $table: Table<$kind>,)*
        }

        impl Tables {
            /// Starts without having read anything.
            pub(super) const fn new() -> Self {
                Self { $($table: Table::new(),)* }
            }

            /// Marks all tables.
            pub(super) fn mark(&mut self) {
                $(self.$table.mark();)*
            }

            /// Takes back the changes of all tables since the mark.
            pub(super) fn roll_back(&mut self) {
                $(self.$table.roll_back();)*
            }

            /// Shows key and value of every changed entry to `visit`.
            pub(super) fn visit_changed(
                &self,
                mut visit: impl FnMut(Vec<u8>, Option<Vec<u8>>),
            ) {
                $(for (key, value) in self.$table.changed() {
                    visit(<$kind as Entry>::state_key(key), value.map(Entry::to_bytes));
                })*
            }
        }

        $(impl Entry for $kind {
            type Key = $key;
            const NAME: &'static str = stringify!($kind);

            fn state_key(key: &$key) -> Vec<u8> {
                let state_key: fn($key) -> StateKey = $state_key;
                state_key(*key).to_bytes()
            }

            fn to_bytes(&self) -> Vec<u8> {
                <$kind>::to_bytes(self)
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
                <$kind>::from_bytes(bytes)
            }

            fn table(tables: &mut Tables) -> &mut Table<Self> {
                &mut tables.$table
            }
        })*
    };
}

entries! {
    Account, AccountId, accounts, StateKey::Account;
    Record, (AccountId, Hash), records, |(sender, digest)| StateKey::Record(sender, digest);
    Stake, AccountId, stakes, StateKey::Stake;
    ConsensusKey, PublicKey, consensus_keys, StateKey::ConsensusKey;
    QueuedRelease, u64, releases, StateKey::Release;
    EpochEnd, Epoch, epoch_ends, StateKey::EpochEnd;
    Totals, (), totals, |()| StateKey::Totals;
    Schedule, (), schedule, |()| StateKey::Schedule;
    Presence, (), presence, |()| StateKey::Presence;
}
