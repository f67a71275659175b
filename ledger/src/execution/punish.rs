//! Evidence: whether somebody is punished for it, and what that does.

use super::stakes::Stakes;
use super::{BlockError, EvidenceRefusal};
use crate::address::AccountId;
use crate::evidence::Evidence;
use crate::staking::{ConsensusKey, EpochEnd, Schedule, Stake, StakeStatus};
use crate::supply::Totals;
use crate::transaction::Amount;

impl Stakes<'_, '_> {
    /// Punishes an offence; evidence that is refused changes nothing.
    ///
    /// The outer error is a state that cannot be read.
    pub(super) fn punish(
        &mut self,
        evidence: &Evidence,
        time_ms: u64,
    ) -> Result<Result<(), EvidenceRefusal>, BlockError> {
        let mut entry = match self.judge(evidence, time_ms)? {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        entry.excluded = true;
        self.journal.set(evidence.key(), entry)?;
        self.slash(&entry.account)?;
        Ok(Ok(()))
    }

    /// Returns whose key it is, if the offence is punishable.
    fn judge(
        &mut self,
        evidence: &Evidence,
        time_ms: u64,
    ) -> Result<Result<ConsensusKey, EvidenceRefusal>, BlockError> {
        let height = evidence.height();
        let Some(entry) = self.journal.get::<ConsensusKey>(evidence.key())? else {
            return Ok(Err(EvidenceRefusal::UnknownKey));
        };
        if entry.excluded {
            return Ok(Err(EvidenceRefusal::Punished));
        }
        if height > self.height {
            return Ok(Err(EvidenceRefusal::Future { height }));
        }
        if !entry.covers(height) {
            return Ok(Err(EvidenceRefusal::Inactive { height }));
        }
        let epoch = self.parameters.epoch(height);
        if epoch == self.epoch() {
            return Ok(Ok(entry));
        }
        if epoch < self.journal.expect::<Schedule>(())?.epoch_first {
            return Ok(Err(EvidenceRefusal::TooOld));
        }
        let ended_ms = self.journal.expect::<EpochEnd>(epoch)?.time_ms;
        // Block times ascend, so the end of an epoch is never later.
        match time_ms.saturating_sub(ended_ms) <= self.parameters.evidence_age_ms {
            true => Ok(Ok(entry)),
            false => Ok(Err(EvidenceRefusal::TooOld)),
        }
    }

    /// Burns a part of all that the account has staked, and lets it sit out.
    fn slash(&mut self, account: &AccountId) -> Result<(), BlockError> {
        let Some(mut stake) = self.journal.get::<Stake>(*account)? else {
            return Ok(());
        };
        if stake.is_candidate() {
            self.journal.candidates()?.remove(stake.bonded, *account)?;
        }
        stake.status = StakeStatus::SittingOut;
        let permille = self.parameters.slash_equivocation_permille;
        let was_bonded = stake.bonded > 0;
        let mut burned = take(&mut stake.bonded, permille);
        for release in &mut stake.releases {
            burned = burned
                .checked_add(take(&mut release.amount, permille))
                .expect("all stakes are part of the supply, which fits");
        }
        if was_bonded && stake.bonded == 0 {
            self.end_key(&stake.consensus_key)?;
        }
        let mut totals = self.journal.expect::<Totals>(())?;
        totals.staked = totals
            .staked
            .checked_sub(burned)
            .expect("all that is staked is counted");
        totals.burned = totals
            .burned
            .checked_add(burned)
            .expect("what is burned was part of the supply, which fits");
        self.journal.set((), totals)?;
        match stake.is_empty() {
            true => self.journal.remove::<Stake>(*account),
            false => self.journal.set(*account, stake),
        }
    }
}

/// Takes `permille` thousandths, rounded up, off an amount; returns what was taken.
fn take(amount: &mut Amount, permille: u16) -> Amount {
    let part = (u128::from(*amount) * u128::from(permille)).div_ceil(1_000);
    // A genesis allows 1,000 thousandths at the most.
    let part = Amount::try_from(part).map_or(*amount, |part| part.min(*amount));
    *amount = amount.saturating_sub(part);
    part
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn a_part_is_rounded_up_and_never_more_than_there_is() {
        for (amount, permille, taken) in [
            (1_000, 50, 50),
            (1_001, 50, 51),
            (1, 1, 1),
            (0, 1_000, 0),
            (7, 0, 0),
            (7, 1_000, 7),
            (u64::MAX, 1_000, u64::MAX),
            (u64::MAX, 1, u64::MAX / 1_000 + 1),
        ] {
            let mut left = amount;
            assert_eq!(take(&mut left, permille), taken);
            assert_eq!(left, amount - taken);
        }
    }
}
