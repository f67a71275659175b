//! Each rule of staking.

mod bond;
mod choice;
mod evidence;
mod presence;
mod release;
mod unjail;

use std::sync::Arc;

use crate::address::AccountId;
use crate::block::BlockHash;
use crate::evidence::Evidence;
use crate::execution::{ApplyError, build};
use crate::fixture::{Network, consensus_key};
use crate::genesis::{Genesis, GenesisAccount, local_account, local_consensus_key};
use crate::hash::Hash;
use crate::keys::{PublicKey, SecretKey, Signer as _};
use crate::staking::{Candidates, ConsensusKey, Release, Schedule, Stake, StakeStatus};
use crate::state_key::StateKey;
use crate::supply::check_supply;
use crate::transaction::{Action, Amount, VerifiedTransaction, possession_hash};
use crate::vote::{Vote, VoteType};

/// What each validator of the genesis has bonded.
const STAKE: Amount = 10_000;
/// The least stake.
const BOND_MIN: Amount = 1_000;
/// What each of `p0` to `p9` has, and each validator besides its stake.
const BALANCE: Amount = 1_000_000_000;

/// Four validators, epochs of four blocks, and ten people with funds.
fn genesis(validators: u16) -> Genesis {
    let mut genesis = Genesis::local("local", 1_000, validators);
    let parameters = &mut genesis.parameters;
    parameters.epoch_blocks = 4;
    parameters.bond_min = BOND_MIN;
    parameters.unbonding_ms = 20_000;
    parameters.evidence_age_ms = 12_000;
    parameters.trust_period_ms = 6_000;
    for validator in &mut genesis.validators {
        validator.stake = STAKE;
    }
    let people = (0..10).map(|number| local_account(&format!("p{number}")));
    let validators = genesis.validators.iter().map(|validator| validator.account);
    let listed = people.chain(validators).map(|account| GenesisAccount {
        account,
        balance: BALANCE,
    });
    genesis.accounts = listed.collect();
    genesis
        .accounts
        .sort_unstable_by_key(|listed| listed.account);
    genesis
}

fn network() -> Network {
    Network::with(&genesis(4))
}

fn key(name: &str) -> PublicKey {
    SecretKey::local(name).public_key()
}

fn validator_key(name: &str) -> PublicKey {
    local_consensus_key(name).public_key()
}

impl Network {
    /// A bond with the proof that the consensus key gives for this account.
    fn bond(&self, name: &str, key: PublicKey, amount: Amount) -> Action {
        let message = possession_hash(&self.tip.genesis_hash, &local_account(name));
        Action::Bond {
            consensus_key: key,
            amount,
            proof_of_possession: consensus_key(&key).sign(&message.0),
        }
    }

    /// A transaction with the nonce that is due.
    fn due(&self, name: &str, actions: Vec<Action>) -> Arc<VerifiedTransaction> {
        let account = self.account(&local_account(name));
        let nonce = account.map_or(0, |account| account.nonce);
        self.sign(name, Self::body(nonce, actions))
    }

    /// Commits a block with one transaction.
    fn act(&mut self, name: &str, action: Action) {
        self.commit(&[self.due(name, vec![action])]);
    }

    /// What the next block says to one action.
    fn refused(&self, name: &str, action: Action) -> ApplyError {
        self.apply(&self.due(name, vec![action])).unwrap_err()
    }

    /// Commits empty blocks up to the last of an epoch; at one already, those of the next.
    fn end_epoch(&mut self) {
        self.commit(&[]);
        while !self.tip.genesis.parameters.is_epoch_end(self.tip.height) {
            self.commit(&[]);
        }
    }

    /// Commits empty blocks to that height.
    fn go_to(&mut self, height: u64) {
        while self.tip.height < height {
            self.commit(&[]);
        }
    }

    /// Commits an empty block of that time.
    fn commit_at(&mut self, time_ms: u64) {
        let built = build(&self.tip, self.plan(time_ms, &[], &[])).unwrap();
        self.finish(&built);
    }

    fn stake(&self, name: &str) -> Option<Stake> {
        self.stake_of(&local_account(name))
    }

    /// What is bonded, and the releases as amount and epoch.
    fn staked(&self, name: &str) -> (Amount, Vec<(Amount, u64)>) {
        let stake = self.stake(name).unwrap();
        let pair = |release: &Release| (release.amount, release.epoch);
        (stake.bonded, stake.releases.iter().map(pair).collect())
    }

    fn sits_out(&self, name: &str) -> bool {
        self.stake(name).unwrap().status == StakeStatus::SittingOut
    }

    fn owner(&self, key: &PublicKey) -> Option<ConsensusKey> {
        let bytes = self.tip.state.get(&StateKey::consensus_key(key)).unwrap();
        bytes.map(|bytes| ConsensusKey::from_bytes(&bytes).unwrap())
    }

    fn candidates(&self) -> Candidates {
        let bytes = self.tip.state.get(&StateKey::Candidates.to_bytes());
        Candidates::from_bytes(&bytes.unwrap().unwrap()).unwrap()
    }

    fn schedule(&self) -> Schedule {
        let bytes = self.tip.state.get(&StateKey::Schedule.to_bytes());
        Schedule::from_bytes(&bytes.unwrap().unwrap()).unwrap()
    }

    /// The power of a validator of the next block; zero if it is none.
    fn power(&self, name: &str) -> Amount {
        let id = local_account(name);
        let members = self.tip.validators.members().iter();
        let powers = members.filter(|member| member.account == id);
        powers.map(|member| member.power).sum()
    }

    /// Two prevotes of one key at a height; `seed` makes different ones.
    fn double_vote(&self, key: &PublicKey, height: u64, seed: u8) -> Evidence {
        let [one, other] = [1, 2].map(|byte| {
            let vote = Vote {
                vote_type: VoteType::Prevote,
                height,
                round: 0,
                block: Some(BlockHash(Hash([byte ^ (seed << 4); 32]))),
                validator: *key,
            };
            vote.sign(&self.tip.genesis_hash, consensus_key(key))
        });
        Evidence::of_votes(one, other)
    }

    /// Commits a block that punishes an offence.
    fn punish(&mut self, evidence: Evidence) {
        let built = self.build_with(&[], &[evidence]);
        assert_eq!(built.refused_evidence, []);
        self.finish(&built);
    }

    fn check_supply(&self) {
        let totals = check_supply(&self.tip.state).unwrap();
        assert_eq!(totals.supply, self.tip.genesis.supply().unwrap());
    }
}

/// The account of a name, for comparisons.
fn id(name: &str) -> AccountId {
    local_account(name)
}
