//! Releases that are due, and ends of epochs that nobody needs any more.

use super::BlockError;
use super::stakes::Stakes;
use crate::account::Account;
use crate::staking::{
    EPOCH_ENDS_PER_BLOCK_MAX, Epoch, EpochEnd, QueuedRelease, RELEASES_PER_BLOCK_MAX, Schedule,
    Stake,
};
use crate::supply::Totals;

impl Stakes<'_, '_> {
    /// Pays the first releases of the queue, as far as they are due at `time_ms`.
    pub(super) fn pay_releases(&mut self, time_ms: u64) -> Result<(), BlockError> {
        for _ in 0..RELEASES_PER_BLOCK_MAX {
            if !self.pay_release(time_ms)? {
                break;
            }
        }
        Ok(())
    }

    /// Forgets the ends of the oldest epochs, as far as they are longer ago than any release or
    /// evidence asks for.
    pub(super) fn forget_epochs(&mut self, time_ms: u64) -> Result<(), BlockError> {
        for _ in 0..EPOCH_ENDS_PER_BLOCK_MAX {
            let mut schedule = self.journal.expect::<Schedule>(())?;
            let epoch = schedule.epoch_first;
            if epoch >= self.epoch() {
                break;
            }
            let ended_ms = self.journal.expect::<EpochEnd>(epoch)?.time_ms;
            if time_ms.saturating_sub(ended_ms) <= self.parameters.unbonding_ms {
                break;
            }
            self.journal.remove::<EpochEnd>(epoch)?;
            // Below the current epoch, so there is a next.
            schedule.epoch_first = epoch.saturating_add(1);
            self.journal.set((), schedule)?;
        }
        Ok(())
    }

    /// Pays the first release of the queue; says whether there was one that is due.
    fn pay_release(&mut self, time_ms: u64) -> Result<bool, BlockError> {
        let mut schedule = self.journal.expect::<Schedule>(())?;
        let number = schedule.release_first;
        if number >= schedule.release_next {
            return Ok(false);
        }
        let account = self.journal.expect::<QueuedRelease>(number)?.account;
        let mut stake = self.journal.expect::<Stake>(account)?;
        let first = stake.releases.first().copied();
        let release = first.ok_or(BlockError::Missing { entry: "release" })?;
        if !self.is_due(release.epoch, schedule.epoch_first, time_ms)? {
            return Ok(false);
        }
        stake.releases.remove(0);
        match stake.is_empty() {
            true => self.journal.remove::<Stake>(account)?,
            false => self.journal.set(account, stake)?,
        }
        self.journal.remove::<QueuedRelease>(number)?;
        schedule.release_first = number.saturating_add(1);
        self.journal.set((), schedule)?;
        let mut payee = self.journal.expect::<Account>(account)?;
        payee.balance = payee
            .balance
            .checked_add(release.amount)
            .expect("what is released was part of the supply, which fits");
        self.journal.set(account, payee)?;
        let mut totals = self.journal.expect::<Totals>(())?;
        totals.staked = totals
            .staked
            .checked_sub(release.amount)
            .expect("all that is staked is counted");
        self.journal.set((), totals)?;
        Ok(true)
    }

    /// Says whether a release whose power ended with `epoch` is due.
    fn is_due(
        &mut self,
        epoch: Epoch,
        epoch_first: Epoch,
        time_ms: u64,
    ) -> Result<bool, BlockError> {
        if epoch < epoch_first {
            return Ok(true);
        }
        // There is none while the epoch lasts.
        let end = self.journal.get::<EpochEnd>(epoch)?;
        let due_ms = end.and_then(|end| end.time_ms.checked_add(self.parameters.unbonding_ms));
        Ok(due_ms.is_some_and(|due_ms| due_ms <= time_ms))
    }
}
