//! Reading what a block will touch at once, instead of one page after the other.
//!
//! Changes nothing in what a block does: an entry that is not named here is read when it is needed.

use std::sync::Arc;

use super::Tip;
use crate::state::StateError;
use crate::state_key::StateKey;
use crate::transaction::{Action, VerifiedTransaction};

/// Returns `parent` with the pages in memory that hold the accounts and records of `transactions`.
pub(super) fn prefetch(
    parent: &Tip,
    transactions: &[Arc<VerifiedTransaction>],
) -> Result<Tip, StateError> {
    let mut keys = vec![StateKey::totals()];
    for transaction in transactions {
        let sender = transaction.sender();
        keys.push(StateKey::account(&sender));
        keys.extend(transaction.body().actions.iter().filter_map(|action| {
            Some(match action {
                Action::Transfer { to, .. } => StateKey::account(to),
                Action::Record { digest, .. } => StateKey::record(&sender, digest),
                _ => return None,
            })
        }));
    }
    let keys: Vec<_> = keys.iter().map(Vec::as_slice).collect();
    Ok(Tip {
        state: parent.state.prefetch(&keys)?,
        ..parent.clone()
    })
}
