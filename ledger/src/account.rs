//! Accounts: the entry of the state that holds one account.
//!
//! An account comes into being with the first transfer to it, or in the genesis, and is never
//! deleted: so its nonce never repeats, and no transaction can be executed twice.

use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::codec::{CodecError, decode, encode};
use crate::hash::{Context, Hash};
use crate::transaction::{Amount, Nonce, TransactionId};

/// Length of an encoded account: four fields of fixed width.
pub const ACCOUNT_BYTES: usize = 8 + 8 + 32 + 32;

/// What the state holds of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// The nonce of its next transaction, which is also how many it made.
    pub nonce: Nonce,
    /// What it holds, base units.
    pub balance: Amount,
    /// Hash of the authority that may act for it; at first its own id.
    pub authority: Hash,
    /// Hash chain over the ids of its transactions; [`Hash::ZERO`] before the first.
    pub history: Hash,
}

impl Account {
    /// Returns a new account with `balance`, under the authority that `id` was derived from.
    pub const fn new(id: &AccountId, balance: Amount) -> Self {
        Self {
            nonce: 0,
            balance,
            authority: Hash(id.0),
            history: Hash::ZERO,
        }
    }

    /// Returns the history after the transaction `id`.
    ///
    /// Whoever holds the ids of all transactions of an account can fold them with this and compare:
    /// the list is complete, and in order, exactly if the result is the account's history.
    pub fn history_after(history: &Hash, id: &TransactionId) -> Hash {
        Hash::of(Context::History, &[&history.0, &id.0.0])
    }

    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not an account.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, ACCOUNT_BYTES>(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_to_its_fixed_length_and_back() {
        let account = Account::new(&AccountId([7; 32]), 5);
        let bytes = account.to_bytes();
        assert_eq!(bytes.len(), ACCOUNT_BYTES);
        assert_eq!(Account::from_bytes(&bytes), Ok(account));
    }

    #[test]
    fn history_depends_on_order() {
        let [one, two] = [1, 2].map(|byte| TransactionId(Hash([byte; 32])));
        let fold = |ids: [TransactionId; 2]| {
            ids.iter().fold(Hash::ZERO, |history, id| {
                Account::history_after(&history, id)
            })
        };
        assert_ne!(fold([one, two]), fold([two, one]));
    }
}
