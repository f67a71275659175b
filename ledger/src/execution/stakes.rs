//! The three actions on a stake, and what they have in common with the effects of a block.

use super::journal::Journal;
use super::run::Stop;
use super::{ApplyError, BlockError};
use crate::account::Account;
use crate::address::AccountId;
use crate::genesis::Parameters;
use crate::keys::PublicKey;
use crate::staking::{
    CANDIDATES_MAX, ConsensusKey, Epoch, QueuedRelease, RELEASES_MAX, Release, Schedule, Stake,
    StakeStatus,
};
use crate::supply::Totals;
use crate::transaction::Amount;
use crate::vote::Height;

/// The stakes of all accounts, at one height.
pub(super) struct Stakes<'j, 'a> {
    pub(super) journal: &'j mut Journal<'a>,
    pub(super) parameters: &'j Parameters,
    pub(super) height: Height,
}

impl Stakes<'_, '_> {
    /// Locks `amount` and names the key; returns how many entries it made.
    pub(super) fn bond(
        &mut self,
        account: &AccountId,
        key: PublicKey,
        amount: Amount,
    ) -> Result<u64, Stop> {
        let found = self.journal.get::<Stake>(*account)?;
        let new_stake = found.is_none();
        let mut stake = found.unwrap_or_else(|| Stake::new(key));
        let before = stake.bonded;
        if amount == 0 && stake.consensus_key == key {
            return Err(ApplyError::ZeroAmount.into());
        }
        if before == 0 && stake.releases.len() > RELEASES_MAX {
            return Err(ApplyError::ReleasesFull.into());
        }
        let new_key = self.claim(account, &key)?;
        if stake.consensus_key != key {
            self.end_key(&stake.consensus_key)?;
            stake.consensus_key = key;
        }
        self.debit(account, amount)?;
        stake.bonded = before
            .checked_add(amount)
            .ok_or(ApplyError::SupplyOverflow)?;
        self.check_bond_min(stake.bonded)?;
        if stake.is_candidate() {
            if before > 0 {
                self.journal.candidates()?.remove(before, *account)?;
            }
            self.enter(account, stake.bonded)?;
        }
        self.journal.set(*account, stake)?;
        Ok(u64::from(new_stake) + u64::from(new_key))
    }

    /// Starts the release of `amount`.
    pub(super) fn unbond(&mut self, account: &AccountId, amount: Amount) -> Result<(), Stop> {
        if amount == 0 {
            return Err(ApplyError::ZeroAmount.into());
        }
        let mut stake = self.stake(account)?;
        let bonded = stake.bonded;
        let needed = amount;
        let rest = bonded
            .checked_sub(amount)
            .ok_or(ApplyError::Stake { bonded, needed })?;
        if rest > 0 {
            self.check_bond_min(rest)?;
        }
        let starts_one = stake.releases.last().map(|last| last.epoch) != Some(self.epoch());
        if starts_one && stake.releases.len() >= RELEASES_MAX {
            return Err(ApplyError::ReleasesFull.into());
        }
        if stake.is_candidate() {
            self.journal.candidates()?.remove(bonded, *account)?;
        }
        self.release(account, &mut stake, amount)?;
        if stake.is_candidate() {
            self.journal.candidates()?.insert(stake.bonded, *account);
        }
        Ok(self.journal.set(*account, stake)?)
    }

    /// Makes a candidate of who sits out.
    pub(super) fn unjail(&mut self, account: &AccountId) -> Result<(), Stop> {
        let mut stake = self.stake(account)?;
        if stake.status == StakeStatus::Active {
            return Err(ApplyError::NotSittingOut.into());
        }
        self.check_bond_min(stake.bonded)?;
        let key = stake.consensus_key;
        if self.journal.expect::<ConsensusKey>(key)?.excluded {
            return Err(ApplyError::KeyExcluded { key }.into());
        }
        stake.status = StakeStatus::Active;
        self.enter(account, stake.bonded)?;
        Ok(self.journal.set(*account, stake)?)
    }

    /// Moves a part of what is bonded to the releases; the caller stores the stake.
    pub(super) fn release(
        &mut self,
        account: &AccountId,
        stake: &mut Stake,
        amount: Amount,
    ) -> Result<(), BlockError> {
        let epoch = self.epoch();
        stake.bonded = stake
            .bonded
            .checked_sub(amount)
            .expect("the callers release what is bonded at the most");
        match stake.releases.last_mut() {
            Some(last) if last.epoch == epoch => {
                last.amount = last
                    .amount
                    .checked_add(amount)
                    .expect("both were part of the supply, which fits");
            }
            _ => {
                stake.releases.push(Release { amount, epoch });
                self.queue(account)?;
            }
        }
        match stake.bonded {
            0 => self.end_key(&stake.consensus_key),
            _ => Ok(()),
        }
    }

    /// Lets the interval of a key end with this epoch, if it has not ended before.
    pub(super) fn end_key(&mut self, key: &PublicKey) -> Result<(), BlockError> {
        let mut entry = self.journal.expect::<ConsensusKey>(*key)?;
        if entry.until.is_some() {
            return Ok(());
        }
        entry.until = Some(self.parameters.epoch_last(self.epoch()));
        self.journal.set(*key, entry)
    }

    /// Returns the epoch of this height.
    pub(super) const fn epoch(&self) -> Epoch {
        self.parameters.epoch(self.height)
    }

    fn stake(&mut self, account: &AccountId) -> Result<Stake, Stop> {
        let stake = self.journal.get::<Stake>(*account)?;
        Ok(stake.ok_or(ApplyError::NoStake)?)
    }

    const fn check_bond_min(&self, bonded: Amount) -> Result<(), ApplyError> {
        let bond_min = self.parameters.bond_min;
        match bonded < bond_min {
            true => Err(ApplyError::BondMin { bonded, bond_min }),
            false => Ok(()),
        }
    }

    /// Makes the key count for this account; says whether nobody had named it before.
    fn claim(&mut self, account: &AccountId, key: &PublicKey) -> Result<bool, Stop> {
        let found = self.journal.get::<ConsensusKey>(*key)?;
        let key = *key;
        let entry = match found {
            None => ConsensusKey {
                account: *account,
                from: self.parameters.epoch_first(self.epoch().saturating_add(1)),
                until: None,
                excluded: false,
            },
            Some(entry) if entry.account != *account => {
                return Err(ApplyError::KeyTaken { key }.into());
            }
            Some(entry) if entry.excluded => return Err(ApplyError::KeyExcluded { key }.into()),
            Some(entry) => ConsensusKey {
                until: None,
                ..entry
            },
        };
        self.journal.set(key, entry)?;
        Ok(found.is_none())
    }

    /// Moves `amount` from the balance to what is staked.
    fn debit(&mut self, account: &AccountId, amount: Amount) -> Result<(), Stop> {
        let found = self.journal.get::<Account>(*account)?;
        let mut payer = found.ok_or(ApplyError::UnknownSender)?;
        payer.balance = payer
            .balance
            .checked_sub(amount)
            .ok_or_else(|| ApplyError::funds(&payer, u128::from(amount)))?;
        self.journal.set(*account, payer)?;
        let mut totals = self.journal.expect::<Totals>(())?;
        let staked = totals.staked.checked_add(amount);
        totals.staked = staked.ok_or(ApplyError::SupplyOverflow)?;
        Ok(self.journal.set((), totals)?)
    }

    /// Adds a candidate; where the list is full, the last one has to have less, and leaves.
    fn enter(&mut self, account: &AccountId, bonded: Amount) -> Result<(), Stop> {
        let candidates = self.journal.candidates()?;
        let last = candidates.last();
        if let Some((least, last)) = last.filter(|_| candidates.len() >= CANDIDATES_MAX) {
            if bonded <= least {
                return Err(ApplyError::CandidatesFull { bonded, least }.into());
            }
            candidates.remove(least, last)?;
            let mut stake = self.journal.expect::<Stake>(last)?;
            self.release(&last, &mut stake, least)?;
            self.journal.set(last, stake)?;
        }
        self.journal.candidates()?.insert(bonded, *account);
        Ok(())
    }

    fn queue(&mut self, account: &AccountId) -> Result<(), BlockError> {
        let mut schedule = self.journal.expect::<Schedule>(())?;
        let number = schedule.release_next;
        let account = *account;
        self.journal.set(number, QueuedRelease { account })?;
        schedule.release_next = number
            .checked_add(1)
            .expect("no chain queues 2^64 releases");
        self.journal.set((), schedule)
    }
}
