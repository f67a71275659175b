//! What the certificates of an epoch and its last block decide: who sits out, and who is chosen.

use std::sync::Arc;

use super::BlockError;
use super::stakes::Stakes;
use crate::certificate::CommitCertificate;
use crate::staking::{CANDIDATES_LEFT_MIN, ConsensusKey, EpochEnd, Presence, Stake, StakeStatus};
use crate::validators::{TOTAL_POWER_MAX, Validator, ValidatorSet, VotingPower};

impl Stakes<'_, '_> {
    /// Counts who signed the parent, if it is of this epoch too.
    pub(super) fn count_presence(
        &mut self,
        certificate: Option<&CommitCertificate>,
    ) -> Result<(), BlockError> {
        let same_epoch = |parent: &&CommitCertificate| {
            self.parameters.epoch(parent.height) == self.parameters.epoch(self.height)
        };
        let Some(certificate) = certificate.filter(same_epoch) else {
            return Ok(());
        };
        let mut presence = self.journal.expect::<Presence>(())?;
        presence.count(certificate);
        self.journal.set((), presence)
    }

    /// Ends the epoch of `current`, if this is its last block; returns who signs the next block.
    pub(super) fn next_validators(
        &mut self,
        current: &Arc<ValidatorSet>,
        time_ms: u64,
    ) -> Result<Arc<ValidatorSet>, BlockError> {
        if !self.parameters.is_epoch_end(self.height) {
            return Ok(Arc::clone(current));
        }
        self.journal.set(self.epoch(), EpochEnd { time_ms })?;
        self.sit_out(current)?;
        let next = match self.choose()? {
            Some(chosen) if chosen != **current => Arc::new(chosen),
            Some(_) => Arc::clone(current),
            None => {
                self.keep(current)?;
                Arc::clone(current)
            }
        };
        self.journal.set((), Presence::new(&next))?;
        Ok(next)
    }

    /// Lets those sit out who were absent, as many as the others can bear.
    fn sit_out(&mut self, current: &ValidatorSet) -> Result<(), BlockError> {
        let presence = self.journal.expect::<Presence>(())?;
        let absent = presence.absent(current);
        let absent = absent.map_err(|_| BlockError::Missing {
            entry: "presence of a validator",
        })?;
        let mut gone: VotingPower = 0;
        for position in absent {
            if self.journal.candidates()?.len() <= CANDIDATES_LEFT_MIN {
                break;
            }
            let Some(member) = current.members().get(position) else {
                break;
            };
            let with = gone.saturating_add(member.power);
            let stake = self.journal.get::<Stake>(member.account)?;
            let Some(mut stake) = stake.filter(Stake::is_candidate) else {
                continue;
            };
            if !Presence::is_bearable(with, current) {
                continue;
            }
            gone = with;
            let candidates = self.journal.candidates()?;
            candidates.remove(stake.bonded, member.account)?;
            stake.status = StakeStatus::SittingOut;
            self.journal.set(member.account, stake)?;
        }
        Ok(())
    }

    /// Returns the set of the first candidates; `None` if there is no candidate.
    fn choose(&mut self) -> Result<Option<ValidatorSet>, BlockError> {
        let max = usize::try_from(self.parameters.validators_max).unwrap_or(usize::MAX);
        let mut members = Vec::new();
        let mut total: VotingPower = 0;
        for (power, account) in self.journal.candidates()?.first(max) {
            // The supply may be one unit above the most power there can be.
            let power = power.min(TOTAL_POWER_MAX.saturating_sub(total));
            if power == 0 {
                break;
            }
            total = total.saturating_add(power);
            let stake = self.journal.expect::<Stake>(account)?;
            let key = stake.consensus_key;
            members.push(Validator {
                account,
                key,
                power,
            });
        }
        if members.is_empty() {
            return Ok(None);
        }
        let set = ValidatorSet::new(members);
        let entry = "candidates that are a set";
        set.map(Some).map_err(|_| BlockError::Missing { entry })
    }

    /// Lets the members keep their power for one epoch more, and answer for it as long.
    fn keep(&mut self, current: &ValidatorSet) -> Result<(), BlockError> {
        let epoch = self.epoch();
        let next = epoch.saturating_add(1);
        let last = self.parameters.epoch_last(epoch);
        for member in current.members() {
            let mut key = self.journal.expect::<ConsensusKey>(member.key)?;
            if key.until == Some(last) {
                key.until = Some(self.parameters.epoch_last(next));
                self.journal.set(member.key, key)?;
            }
            let Some(mut stake) = self.journal.get::<Stake>(member.account)? else {
                continue;
            };
            if let Some(release) = stake.releases.last_mut().filter(|last| last.epoch == epoch) {
                release.epoch = next;
                self.journal.set(member.account, stake)?;
            }
        }
        Ok(())
    }
}
