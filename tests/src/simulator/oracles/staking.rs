//! O2 and O4 over sets that change: who may sign each height, who sits out, who is punished. All of
//! it is reckoned again from the blocks and the stakes in the state, without the product's
//! candidates, slots, presence or choice.
//!
//! # Source
//! The text of `starling_ledger::staking`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::block::Block;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{Genesis, Parameters};
use starling_ledger::keys::PublicKey;
use starling_ledger::staking::{ConsensusKey, Stake, StakeStatus};
use starling_ledger::state::State;
use starling_ledger::state_key::StateKey;
use starling_ledger::supply::Totals;
use starling_ledger::transaction::Action;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::Height;
use starling_node::work::ExecutedBlock;

use super::Breach;

/// A tenth: who signs less of an epoch sits out.
const TENTH: u64 = 10;
/// Candidates that are left at the least.
const LEFT_MIN: usize = 4;

/// What staking did in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How often the set changed.
    pub sets_changed: u64,
    /// How often somebody sat out for absence.
    pub sat_out: u64,
    /// How many keys were excluded.
    pub punished: u64,
    /// Precommits that blocks carried for their parents.
    pub signatures: u64,
    /// Precommits there could have been.
    pub signatures_max: u64,
}

/// The stakes of a network.
pub struct Staking {
    parameters: Parameters,
    accounts: Vec<AccountId>,
    /// Who signs the heights of an epoch.
    sets: BTreeMap<u64, Arc<ValidatorSet>>,
    /// Of the current epoch: certificates counted, and who signed how many.
    counted: u64,
    signed: BTreeMap<AccountId, u64>,
    stakes: BTreeMap<AccountId, Stake>,
    punished: BTreeSet<PublicKey>,
    state: Option<State>,
    figures: Figures,
}

impl Staking {
    /// Begins with the validators of the genesis; `accounts` are all that ever bond.
    pub fn new(genesis: &Genesis, mut accounts: Vec<AccountId>) -> Result<Self, String> {
        let set = genesis.validator_set().map_err(|error| error.to_string())?;
        accounts.extend(set.members().iter().map(|member| member.account));
        accounts.sort_unstable();
        accounts.dedup();
        let stake = |one: &starling_ledger::genesis::GenesisValidator| {
            let stake = Stake {
                bonded: one.stake,
                ..Stake::new(one.consensus_key)
            };
            (one.account, stake)
        };
        Ok(Self {
            parameters: genesis.parameters,
            accounts,
            sets: [(0, set)].into(),
            counted: 0,
            signed: BTreeMap::new(),
            stakes: genesis.validators.iter().map(stake).collect(),
            punished: BTreeSet::new(),
            state: None,
            figures: Figures::default(),
        })
    }

    /// Returns who signs `height`; `None` above the height after the last block.
    #[must_use]
    pub fn signers(&self, height: Height) -> Option<&Arc<ValidatorSet>> {
        self.sets.get(&self.epoch(height))
    }

    /// Returns the state after the last block; `None` before block 1.
    #[must_use]
    pub const fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Returns what staking did so far.
    #[must_use]
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// Says whether the offences of a key were punished.
    #[must_use]
    pub fn is_punished(&self, key: &PublicKey) -> bool {
        self.punished.contains(key)
    }

    /// Judges the effects of the next block.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn extend(&mut self, block: &ExecutedBlock) -> Result<(), Breach> {
        let header = &block.block.header;
        let (height, state) = (header.height, &block.executed.state.state);
        let stakes = self.read_stakes(state, height)?;
        self.check_sum(state, height, &stakes)?;
        let convicted = self.check_evidence(block, &stakes)?;
        self.count_presence(&block.block);
        let set = self.set_of(height)?;
        let next = if height.is_multiple_of(self.parameters.epoch_blocks) {
            self.check_absent(block, &stakes, &convicted)?;
            self.end_epoch(height, &stakes)?
        } else {
            Arc::clone(&set)
        };
        let found = (header.validators_hash, header.next_validators_hash);
        if found != (set.hash(), next.hash()) || *block.executed.next_validators != *next {
            let what = format!("it names other validators than {set:?} and then {next:?}");
            return Err(breach("O2", height, &what));
        }
        if let Some(key) = self.punished.iter().find(|key| {
            height.is_multiple_of(self.parameters.epoch_blocks) && next.by_key(key).is_some()
        }) {
            return Err(breach(
                "O2",
                height,
                &format!("{key} votes after its punishment"),
            ));
        }
        self.stakes = stakes;
        self.state = Some(state.clone());
        Ok(())
    }

    const fn epoch(&self, height: Height) -> u64 {
        height.saturating_sub(1) / self.parameters.epoch_blocks
    }

    fn set_of(&self, height: Height) -> Result<Arc<ValidatorSet>, Breach> {
        let set = self.signers(height).cloned();
        set.ok_or_else(|| breach("O2", height, "nobody may sign it"))
    }

    fn read_stakes(
        &self,
        state: &State,
        height: Height,
    ) -> Result<BTreeMap<AccountId, Stake>, Breach> {
        let mut stakes = BTreeMap::new();
        for account in &self.accounts {
            let bytes = state
                .get(&StateKey::stake(account))
                .map_err(|error| breach("O4", height, &error.to_string()))?;
            if let Some(bytes) = bytes {
                let stake = Stake::from_bytes(&bytes)
                    .map_err(|error| breach("O4", height, &error.to_string()))?;
                stakes.insert(*account, stake);
            }
        }
        Ok(stakes)
    }

    /// All that is bonded or being released is what the totals say is staked.
    fn check_sum(
        &self,
        state: &State,
        height: Height,
        stakes: &BTreeMap<AccountId, Stake>,
    ) -> Result<(), Breach> {
        let bytes = state.get(&StateKey::totals()).ok().flatten();
        let totals = bytes.and_then(|bytes| Totals::from_bytes(&bytes).ok());
        let sum: u128 = stakes.values().map(Stake::total).sum();
        match totals {
            Some(totals) if u128::from(totals.staked) == sum => Ok(()),
            other => {
                let what = format!("stakes sum up to {sum}, the totals are {other:?}");
                Err(breach("O4", height, &what))
            }
        }
    }

    /// Each piece of evidence excludes a key that was not excluded, and burns its part; returns
    /// whose.
    fn check_evidence(
        &mut self,
        block: &ExecutedBlock,
        stakes: &BTreeMap<AccountId, Stake>,
    ) -> Result<BTreeSet<AccountId>, Breach> {
        let height = block.block.header.height;
        let state = &block.executed.state.state;
        let mut convicted = BTreeSet::new();
        for evidence in &block.block.evidence {
            let key = evidence.key();
            if !self.punished.insert(key) || evidence.height() > height {
                return Err(breach("O4", height, &format!("{key} is punished again")));
            }
            let bytes = state.get(&StateKey::consensus_key(&key)).ok().flatten();
            let entry = bytes.and_then(|bytes| ConsensusKey::from_bytes(&bytes).ok());
            let Some(entry) = entry.filter(|entry| entry.excluded) else {
                return Err(breach("O4", height, &format!("{key} is not excluded")));
            };
            convicted.insert(entry.account);
            self.figures.punished += 1;
            self.check_slash(block, (&entry.account, evidence), stakes)?;
        }
        Ok(convicted)
    }

    fn check_slash(
        &self,
        block: &ExecutedBlock,
        (account, evidence): (&AccountId, &Evidence),
        stakes: &BTreeMap<AccountId, Stake>,
    ) -> Result<(), Breach> {
        let height = block.block.header.height;
        if sender_actions(block, account).next().is_some() {
            // What it did itself in this block changes the figures; the sum above holds all the
            // same.
            return Ok(());
        }
        let before = self.stakes.get(account).map_or(0, |stake| stake.bonded);
        let permille = u128::from(self.parameters.slash_equivocation_permille);
        let part = (u128::from(before) * permille).div_ceil(1_000);
        let after = stakes.get(account).map_or(0, |stake| stake.bonded);
        if u128::from(after) + part != u128::from(before) {
            let key = evidence.key();
            let what = format!("{before} of {key} became {after}, {part} were to be burned");
            return Err(breach("O4", height, &what));
        }
        Ok(())
    }

    fn count_presence(&mut self, block: &Block) {
        let Some(certificate) = &block.parent_certificate else {
            return;
        };
        let Some(set) = self.sets.get(&self.epoch(certificate.height)) else {
            return;
        };
        self.figures.signatures += u64::try_from(certificate.signatures.len()).unwrap_or_default();
        self.figures.signatures_max += u64::try_from(set.members().len()).unwrap_or_default();
        if self.epoch(certificate.height) != self.epoch(block.header.height) {
            return;
        }
        self.counted += 1;
        for entry in &certificate.signatures {
            if let Some(member) = set.members().get(usize::from(entry.validator)) {
                *self.signed.entry(member.account).or_default() += 1;
            }
        }
    }

    /// Exactly those sit out for absence that have to.
    fn check_absent(
        &mut self,
        block: &ExecutedBlock,
        stakes: &BTreeMap<AccountId, Stake>,
        convicted: &BTreeSet<AccountId>,
    ) -> Result<(), Breach> {
        let height = block.block.header.height;
        let set = self.set_of(height)?;
        let returned = |account: &AccountId| {
            let mut actions = sender_actions(block, account);
            actions.any(|action| matches!(action, Action::Unjail))
        };
        let found: BTreeSet<_> = stakes
            .iter()
            .filter(|(account, stake)| {
                let before = self.stakes.get(*account);
                let active = before.is_none_or(|stake| stake.status == StakeStatus::Active);
                stake.status == StakeStatus::SittingOut
                    && (active || returned(account))
                    && !convicted.contains(*account)
            })
            .map(|(account, _)| *account)
            .collect();
        let is_candidate = |account: &AccountId| {
            let stake = stakes.get(account).filter(|stake| stake.bonded > 0);
            stake
                .is_some_and(|stake| stake.status == StakeStatus::Active || found.contains(account))
        };
        let mut left = stakes.keys().filter(|one| is_candidate(one)).count();
        let mut absent: Vec<_> = set
            .members()
            .iter()
            .map(|member| {
                (
                    self.signed.get(&member.account).copied().unwrap_or(0),
                    member,
                )
            })
            .filter(|(signed, _)| signed * 100 < self.counted * TENTH)
            .map(|(signed, member)| (signed, member.account, member.power))
            .collect();
        absent.sort_unstable();
        let (mut out, mut power) = (BTreeSet::new(), 0u128);
        for (_, account, own) in absent {
            let with = power + u128::from(own);
            let bearable = with * 3 <= u128::from(set.total_power());
            if is_candidate(&account) && bearable && left > LEFT_MIN {
                (power, left) = (with, left - 1);
                out.insert(account);
            }
        }
        if out != found {
            let what = format!("{found:?} sit out, {out:?} had to");
            return Err(breach("O2", height, &what));
        }
        self.figures.sat_out += u64::try_from(out.len()).unwrap_or_default();
        Ok(())
    }

    /// Chooses the next set anew, and begins its epoch.
    fn end_epoch(
        &mut self,
        height: Height,
        stakes: &BTreeMap<AccountId, Stake>,
    ) -> Result<Arc<ValidatorSet>, Breach> {
        let active = stakes
            .iter()
            .filter(|(_, stake)| stake.bonded > 0 && stake.status == StakeStatus::Active);
        let mut members: Vec<_> = active
            .map(|(account, stake)| Validator {
                account: *account,
                key: stake.consensus_key,
                power: stake.bonded,
            })
            .collect();
        members.sort_unstable_by_key(|one| (std::cmp::Reverse(one.power), one.account));
        members.truncate(usize::try_from(self.parameters.validators_max).unwrap_or(usize::MAX));
        let old = self.set_of(height)?;
        let next = if members.is_empty() {
            Arc::clone(&old)
        } else {
            let set = ValidatorSet::new(members);
            Arc::new(set.map_err(|error| breach("O2", height, &error.to_string()))?)
        };
        self.figures.sets_changed += u64::from(*next != *old);
        self.sets.insert(self.epoch(height) + 1, Arc::clone(&next));
        self.counted = 0;
        self.signed.clear();
        Ok(next)
    }
}

/// The actions of an account's transactions in a block.
fn sender_actions(block: &ExecutedBlock, account: &AccountId) -> impl Iterator<Item = Action> {
    let transactions = block.block.transactions.iter();
    let own = transactions.filter_map(|raw| raw.decode().ok());
    let own = own.filter(move |transaction| transaction.sender() == *account);
    own.flat_map(|transaction| transaction.body.actions)
}

fn breach(oracle: &'static str, height: Height, what: &str) -> Breach {
    Breach::new(oracle, format!("height {height}: {what}"))
}
