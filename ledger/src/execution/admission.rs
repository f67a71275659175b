//! What a mempool can say about a transaction when it knows nothing but the sender's account.
//!
//! It refuses what cannot become valid by waiting, and lets through what may. Only a block decides:
//! receivers without an account, records that
//! exist already and the rules of stakes are found there.

use super::ApplyError;
use crate::account::Account;
use crate::genesis::Parameters;
use crate::transaction::{Action, Nonce, VerifiedTransaction};

/// Most nonces that may be missing before a transaction that is held back. Design, section 4.
pub const MAX_NONCE_GAP: u64 = 64;

/// When a transaction can go into a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// In the next one.
    Ready,
    /// After `gap` others of its sender, from nonce `next` on.
    Future {
        /// The nonce that is due.
        next: Nonce,
        /// How many are missing, at most [`MAX_NONCE_GAP`].
        gap: u64,
    },
}

/// Checks a transaction against its sender's account, which may be missing, at block time
/// `time_ms`.
///
/// # Errors
/// [`ApplyError`] if it cannot apply: expired, authority, nonce used or too far ahead, a fee below
/// the least possible, funds for less than it spends, an amount of zero.
pub fn check_against_account(
    transaction: &VerifiedTransaction,
    account: Option<&Account>,
    parameters: &Parameters,
    time_ms: u64,
) -> Result<Admission, ApplyError> {
    let body = transaction.body();
    let expires_at_ms = body.expires_at_ms;
    if time_ms > expires_at_ms {
        return Err(ApplyError::Expired {
            expires_at_ms,
            time_ms,
        });
    }
    let account = account.ok_or(ApplyError::UnknownSender)?;
    if transaction.authority_hash() != account.authority {
        return Err(ApplyError::Authority);
    }
    let (expected, found) = (account.nonce, body.nonce);
    let gap = found
        .checked_sub(expected)
        .filter(|gap| *gap <= MAX_NONCE_GAP)
        .ok_or(ApplyError::Nonce { expected, found })?;
    found.checked_add(1).ok_or(ApplyError::NonceExhausted)?;
    check_costs(transaction, account, parameters)?;
    Ok(match gap {
        0 => Admission::Ready,
        _ => Admission::Future {
            next: expected,
            gap,
        },
    })
}

/// Checks the fee against the least that can be required, and what is spent against the balance.
fn check_costs(
    transaction: &VerifiedTransaction,
    account: &Account,
    parameters: &Parameters,
) -> Result<(), ApplyError> {
    let body = transaction.body();
    let offered = body.fee;
    let mut records = 0u64;
    let mut spent = u128::from(offered);
    for action in &body.actions {
        match action {
            Action::Transfer { amount: 0, .. } => return Err(ApplyError::ZeroAmount),
            // What goes to oneself comes back, so it may be less than the sum of such amounts.
            Action::Transfer { to, .. } if *to == transaction.sender() => {}
            Action::Transfer { amount, .. } => spent += u128::from(*amount),
            Action::Record { .. } => records += 1,
            Action::Unbond { amount: 0 } => return Err(ApplyError::ZeroAmount),
            Action::Bond { amount, .. } => spent += u128::from(*amount),
            Action::SetAuthority { .. } | Action::Unbond { .. } | Action::Unjail => {}
        }
    }
    let required = parameters
        .required_fee(transaction.size_bytes(), records)
        .ok_or(ApplyError::SupplyOverflow)?;
    if offered < required {
        return Err(ApplyError::Fee { offered, required });
    }
    if u128::from(account.balance) < spent {
        return Err(ApplyError::funds(account, spent));
    }
    Ok(())
}
