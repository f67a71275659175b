//! Applying transactions, one after the other, and sealing what they did.

use std::sync::Arc;

use super::journal::Journal;
use super::read_ahead::ReadAhead;
use super::run::{Place, Run, Stop};
use super::stakes::Stakes;
use super::{
    AppliedTransaction, ApplyError, BlockError, BlockFees, EvidenceRefusal, Executed, Tip,
};
use crate::account::Account;
use crate::address::AccountId;
use crate::block::BlockHash;
use crate::certificate::CommitCertificate;
use crate::evidence::Evidence;
use crate::state::{State, StateUpdate};
use crate::state_key::StateKey;
use crate::supply::Totals;
use crate::transaction::{Amount, VerifiedTransaction};
use crate::validators::ValidatorSet;

/// A block in the making.
pub(super) struct Application<'a> {
    place: Place<'a>,
    state: &'a State,
    validators: &'a Arc<ValidatorSet>,
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

impl<'a> Application<'a> {
    /// Starts the child of `parent` with this time; `ahead` was read of its state already.
    pub(super) fn new(
        parent: &'a Tip,
        ahead: &'a ReadAhead,
        time_ms: u64,
    ) -> Result<Self, BlockError> {
        Ok(Self {
            place: Place {
                parameters: &parent.genesis.parameters,
                height: parent.next_height()?,
                time_ms,
            },
            state: ahead.state(),
            validators: &parent.validators,
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
        let mut run = Run {
            place: self.place,
            journal: &mut self.journal,
        };
        let ran = run.transaction(transaction);
        let ran = ran.and_then(|(fees, history)| Ok((self.fees_with(fees)?, history)));
        match ran {
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
        let time_ms = self.place.time_ms;
        self.stakes().punish(evidence, time_ms)
    }

    /// Counts presence, pays releases, chooses the next validators where it is time to, and
    /// computes the state after the block.
    pub(super) fn seal(
        mut self,
        certificate: Option<&CommitCertificate>,
    ) -> Result<Outcome, BlockError> {
        let (time_ms, current) = (self.place.time_ms, self.validators);
        let mut stakes = self.stakes();
        stakes.count_presence(certificate)?;
        stakes.pay_releases(time_ms)?;
        stakes.forget_epochs(time_ms)?;
        let next_validators = stakes.next_validators(current, time_ms)?;
        let (touched, mut changes) = self.journal.finish();
        let Place {
            parameters, height, ..
        } = self.place;
        if parameters.is_epoch_end(height) {
            let slot = parameters.validators_slot(height.saturating_add(1));
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
            parameters: self.place.parameters,
            height: self.place.height,
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

    /// Returns the fees of the block with those of one more transaction.
    fn fees_with(&self, more: BlockFees) -> Result<BlockFees, ApplyError> {
        let sum =
            |one: Amount, other: Amount| one.checked_add(other).ok_or(ApplyError::SupplyOverflow);
        Ok(BlockFees {
            burned: sum(self.fees.burned, more.burned)?,
            proposer: sum(self.fees.proposer, more.proposer)?,
        })
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
