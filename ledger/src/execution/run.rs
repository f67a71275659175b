//! Running one transaction over a journal: the rules of a transaction, and the only place for them.
//!
//! Blocks run their transactions here, and so does whoever wants to know beforehand whether one
//! would apply.

use super::journal::Journal;
use super::stakes::Stakes;
use super::{ApplyError, BlockError, BlockFees};
use crate::account::Account;
use crate::address::AccountId;
use crate::authority::Authority;
use crate::genesis::Parameters;
use crate::hash::Hash;
use crate::record::Record;
use crate::transaction::{Action, Amount, VerifiedTransaction};
use crate::vote::Height;

/// The block that transactions run in.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) height: Height,
    pub(super) time_ms: u64,
}

/// A transaction that is being run.
pub(super) struct Run<'j, 'a> {
    pub(super) place: Place<'j>,
    pub(super) journal: &'j mut Journal<'a>,
}

/// Why a transaction stopped: it does not apply, or the state cannot be read.
pub(super) enum Stop {
    Refused(ApplyError),
    Failed(BlockError),
}

impl From<ApplyError> for Stop {
    fn from(error: ApplyError) -> Self {
        Self::Refused(error)
    }
}

impl From<BlockError> for Stop {
    fn from(error: BlockError) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Run<'_, 'a> {
    /// Runs a transaction; returns its fees, and its sender's history. One that stops leaves the
    /// journal to be rolled back.
    pub(super) fn transaction(
        &mut self,
        transaction: &VerifiedTransaction,
    ) -> Result<(BlockFees, Hash), Stop> {
        let body = transaction.body();
        let (expires_at_ms, time_ms) = (body.expires_at_ms, self.place.time_ms);
        if time_ms > expires_at_ms {
            return Err(ApplyError::Expired {
                expires_at_ms,
                time_ms,
            }
            .into());
        }
        let sender = transaction.sender();
        let account = charged(&self.account(&sender)?, transaction)?;
        let history = account.history;
        self.journal.set(sender, account)?;
        let mut entries = 0u64;
        for action in &body.actions {
            // At most 16 actions, each of which makes two entries at the most.
            entries += self.act(&sender, action)?;
        }
        let required = self
            .place
            .parameters
            .required_fee(transaction.size_bytes(), entries)
            .ok_or(ApplyError::SupplyOverflow)?;
        let offered = body.fee;
        let proposer = offered
            .checked_sub(required)
            .ok_or(ApplyError::Fee { offered, required })?;
        let fees = BlockFees {
            burned: required,
            proposer,
        };
        Ok((fees, history))
    }

    /// Runs one action; returns how many entries it made.
    fn act(&mut self, sender: &AccountId, action: &Action) -> Result<u64, Stop> {
        match action {
            Action::Transfer { to, amount } => self.transfer(sender, to, *amount),
            Action::Record { digest, note } => self.record(sender, digest, note),
            Action::SetAuthority { authority } => self.set_authority(sender, authority),
            Action::Bond {
                consensus_key,
                amount,
                // It was checked with the signatures.
                proof_of_possession: _,
            } => self.stakes().bond(sender, *consensus_key, *amount),
            Action::Unbond { amount } => self.stakes().unbond(sender, *amount).map(|()| 0),
            Action::Unjail => self.stakes().unjail(sender).map(|()| 0),
        }
    }

    const fn stakes(&mut self) -> Stakes<'_, 'a> {
        Stakes {
            journal: self.journal,
            parameters: self.place.parameters,
            height: self.place.height,
        }
    }

    fn transfer(&mut self, from: &AccountId, to: &AccountId, amount: Amount) -> Result<u64, Stop> {
        if amount == 0 {
            return Err(ApplyError::ZeroAmount.into());
        }
        let mut payer = self.account(from)?;
        payer.balance = payer
            .balance
            .checked_sub(amount)
            .ok_or_else(|| ApplyError::funds(&payer, u128::from(amount)))?;
        self.journal.set(*from, payer)?;
        // Read after the debit, so that a transfer to oneself gives back what it took.
        let receiver = self.journal.get::<Account>(*to)?;
        let credited = match receiver {
            None => Account::new(to, amount),
            Some(mut account) => {
                let balance = account.balance.checked_add(amount);
                account.balance = balance.ok_or(ApplyError::SupplyOverflow)?;
                account
            }
        };
        self.journal.set(*to, credited)?;
        Ok(u64::from(receiver.is_none()))
    }

    fn record(&mut self, sender: &AccountId, digest: &Hash, note: &str) -> Result<u64, Stop> {
        let key = (*sender, *digest);
        if self.journal.get::<Record>(key)?.is_some() {
            return Err(ApplyError::RecordExists { digest: *digest }.into());
        }
        let record = Record {
            height: self.place.height,
            time_ms: self.place.time_ms,
            note: note.to_owned(),
        };
        self.journal.set(key, record)?;
        Ok(1)
    }

    fn set_authority(&mut self, sender: &AccountId, authority: &Authority) -> Result<u64, Stop> {
        let mut account = self.account(sender)?;
        account.authority = authority.hash();
        self.journal.set(*sender, account)?;
        Ok(0)
    }

    fn account(&mut self, id: &AccountId) -> Result<Account, Stop> {
        let account = self.journal.get::<Account>(*id)?;
        Ok(account.ok_or(ApplyError::UnknownSender)?)
    }
}

/// Checks authority and nonce; returns the account with nonce, history and fee accounted for.
fn charged(account: &Account, transaction: &VerifiedTransaction) -> Result<Account, ApplyError> {
    let body = transaction.body();
    if transaction.authority_hash() != account.authority {
        return Err(ApplyError::Authority);
    }
    let (expected, found) = (account.nonce, body.nonce);
    if expected != found {
        return Err(ApplyError::Nonce { expected, found });
    }
    let balance = account.balance.checked_sub(body.fee);
    Ok(Account {
        nonce: expected.checked_add(1).ok_or(ApplyError::NonceExhausted)?,
        balance: balance.ok_or_else(|| ApplyError::funds(account, u128::from(body.fee)))?,
        authority: account.authority,
        history: Account::history_after(&account.history, &transaction.id()),
    })
}
