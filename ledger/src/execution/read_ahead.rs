//! Reading what a block will touch at once, instead of one page after the other.
//!
//! Changes nothing in what a block does: an entry that is not named here is read when it is needed.

use std::sync::Arc;

use super::{BlockError, Tip};
use crate::account::Account;
use crate::address::AccountId;
use crate::state::State;
use crate::state_key::StateKey;
use crate::transaction::{Action, VerifiedTransaction};

/// The accounts that transactions name, and a state that holds their pages in memory.
pub(super) struct ReadAhead {
    state: State,
    accounts: Vec<(AccountId, Option<Account>)>,
}

impl ReadAhead {
    /// Reads the accounts of `transactions`, and the pages of the records they make, from the state
    /// after `parent`: as many transactions as a block may have.
    pub(super) fn of(
        parent: &Tip,
        transactions: &[Arc<VerifiedTransaction>],
    ) -> Result<Self, BlockError> {
        let most = parent.genesis.parameters.block_transactions_max;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let (mut ids, mut others) = (Vec::new(), vec![StateKey::totals()]);
        for transaction in transactions.iter().take(most) {
            let sender = transaction.sender();
            ids.push(sender);
            for action in &transaction.body().actions {
                match action {
                    Action::Transfer { to, .. } => ids.push(*to),
                    Action::Record { digest, .. } => {
                        others.push(StateKey::record(&sender, digest));
                    }
                    _ => {}
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let mut keys: Vec<_> = ids.iter().map(StateKey::account).collect();
        keys.append(&mut others);
        let (state, values) = parent.state.prefetch(&keys)?;
        let decode = |(id, value): (AccountId, Option<Vec<u8>>)| {
            let account = value.as_deref().map(Account::from_bytes).transpose();
            account.map(|account| (id, account))
        };
        let accounts = ids.into_iter().zip(values).map(decode);
        Ok(Self {
            accounts: accounts.collect::<Result<_, _>>()?,
            state,
        })
    }

    /// The state after the parent.
    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The accounts, ascending.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (AccountId, Option<Account>)> {
        self.accounts.iter().copied()
    }
}
