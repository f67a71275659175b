//! Applying transactions, one after the other, and sealing what they did.

use std::sync::Arc;

use super::journal::Journal;
use super::read_ahead::ReadAhead;
use super::stakes::Stakes;
use super::{
    AppliedTransaction, ApplyError, BlockError, BlockFees, EvidenceRefusal, Executed, Tip,
};
use crate::account::Account;
use crate::address::AccountId;
use crate::authority::Authority;
use crate::block::BlockHash;
use crate::certificate::CommitCertificate;
use crate::evidence::Evidence;
use crate::genesis::Parameters;
use crate::hash::Hash;
use crate::record::Record;
use crate::state::{State, StateUpdate};
use crate::state_key::StateKey;
use crate::supply::Totals;
use crate::transaction::{Action, Amount, VerifiedTransaction};
use crate::validators::ValidatorSet;
use crate::vote::Height;

/// A block in the making.
pub(super) struct Application<'a> {
    parameters: &'a Parameters,
    state: &'a State,
    validators: &'a Arc<ValidatorSet>,
    height: Height,
    time_ms: u64,
    journal: Journal<'a>,
    applied: Vec<AppliedTransaction>,
    fees: BlockFees,
}

/// What a block did, before its header is known.
pub(super) struct Outcome {
    pub(super) state: StateUpdate,
    pub(super) transactions: Vec<AppliedTransaction>,
    touched: Vec<(AccountId, Account)>,
    fees: BlockFees,
    pub(super) next_validators: Arc<ValidatorSet>,
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

impl<'a> Application<'a> {
    /// Starts the child of `parent` with this time; `ahead` was read of its state already.
    pub(super) fn new(
        parent: &'a Tip,
        ahead: &'a ReadAhead,
        time_ms: u64,
    ) -> Result<Self, BlockError> {
        Ok(Self {
            parameters: &parent.genesis.parameters,
            state: ahead.state(),
            validators: &parent.validators,
            height: parent.next_height()?,
            time_ms,
            journal: Journal::new(ahead),
            applied: Vec::new(),
            fees: BlockFees::default(),
        })
    }

    /// Applies one transaction; one that does not apply changes nothing.
    ///
    /// The outer error is a state that cannot be read.
    pub(super) fn apply(
        &mut self,
        transaction: &VerifiedTransaction,
    ) -> Result<Result<(), ApplyError>, BlockError> {
        self.journal.mark();
        match self.run(transaction) {
            Ok((fees, history)) => {
                self.fees = fees;
                self.applied.push(AppliedTransaction {
                    id: transaction.id(),
                    wire_id: transaction.wire_id(),
                    sender: transaction.sender(),
                    nonce: transaction.body().nonce,
                    history,
                });
                Ok(Ok(()))
            }
            Err(stop) => {
                self.journal.roll_back();
                match stop {
                    Stop::Refused(error) => Ok(Err(error)),
                    Stop::Failed(error) => Err(error),
                }
            }
        }
    }

    /// Credits the proposer and counts what was burned.
    pub(super) fn pay_fees(&mut self, proposer: &AccountId) -> Result<(), BlockError> {
        self.journal.mark();
        self.credit_proposer(proposer)?;
        if self.fees.burned == 0 {
            return Ok(());
        }
        let mut totals = self.journal.expect::<Totals>(())?;
        totals.burned = totals
            .burned
            .checked_add(self.fees.burned)
            .expect("what is burned was part of the supply, which fits");
        self.journal.set((), totals)
    }

    /// Punishes an offence; evidence that is refused changes nothing.
    ///
    /// The outer error is a state that cannot be read.
    pub(super) fn punish(
        &mut self,
        evidence: &Evidence,
    ) -> Result<Result<(), EvidenceRefusal>, BlockError> {
        let time_ms = self.time_ms;
        self.stakes().punish(evidence, time_ms)
    }

    /// Counts presence, pays releases, chooses the next validators where it is time to, and
    /// computes the state after the block.
    pub(super) fn seal(
        mut self,
        certificate: Option<&CommitCertificate>,
    ) -> Result<Outcome, BlockError> {
        let (time_ms, current) = (self.time_ms, self.validators);
        let mut stakes = self.stakes();
        stakes.count_presence(certificate)?;
        stakes.pay_releases(time_ms)?;
        stakes.forget_epochs(time_ms)?;
        let next_validators = stakes.next_validators(current, time_ms)?;
        let (touched, mut changes) = self.journal.finish();
        if self.parameters.is_epoch_end(self.height) {
            let slot = self
                .parameters
                .validators_slot(self.height.saturating_add(1));
            let set = next_validators.to_bytes();
            changes.insert(StateKey::validators(slot), Some(set));
        }
        Ok(Outcome {
            state: self.state.update(&changes)?,
            transactions: self.applied,
            touched,
            fees: self.fees,
            next_validators,
        })
    }

    const fn stakes(&mut self) -> Stakes<'_, 'a> {
        Stakes {
            journal: &mut self.journal,
            parameters: self.parameters,
            height: self.height,
        }
    }

    fn credit_proposer(&mut self, proposer: &AccountId) -> Result<(), BlockError> {
        let part = self.fees.proposer;
        if part == 0 {
            return Ok(());
        }
        if let Some(mut account) = self.journal.get::<Account>(*proposer)? {
            account.balance = account
                .balance
                .checked_add(part)
                .expect("what is credited was part of the supply, which fits");
            return self.journal.set(*proposer, account);
        }
        self.fees = BlockFees {
            burned: self
                .fees
                .burned
                .checked_add(part)
                .expect("all fees were part of the supply, which fits"),
            proposer: 0,
        };
        Ok(())
    }

    /// Runs a transaction; returns the fees of the block with its own, and its sender's history.
    fn run(&mut self, transaction: &VerifiedTransaction) -> Result<(BlockFees, Hash), Stop> {
        let body = transaction.body();
        let expires_at_ms = body.expires_at_ms;
        if self.time_ms > expires_at_ms {
            let time_ms = self.time_ms;
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
            .parameters
            .required_fee(transaction.size_bytes(), entries)
            .ok_or(ApplyError::SupplyOverflow)?;
        let offered = body.fee;
        let tip = offered
            .checked_sub(required)
            .ok_or(ApplyError::Fee { offered, required })?;
        let sum =
            |one: Amount, other: Amount| one.checked_add(other).ok_or(ApplyError::SupplyOverflow);
        let fees = BlockFees {
            burned: sum(self.fees.burned, required)?,
            proposer: sum(self.fees.proposer, tip)?,
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
            height: self.height,
            time_ms: self.time_ms,
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

impl Outcome {
    /// Names the block that did it.
    pub(super) fn executed(self, header_hash: BlockHash) -> Executed {
        Executed {
            header_hash,
            state: self.state,
            touched: self.touched,
            transactions: self.transactions,
            fees: self.fees,
            next_validators: self.next_validators,
        }
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
