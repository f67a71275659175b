//! People with stake: they bond, add, unbond, name other keys, and return after they sat out.
//!
//! There is one for each node; its account has the key of the node's name. The consensus key of a
//! node belongs to whoever names it first, so that a staker can move to the key of another node, as
//! an operator does who sets up a new machine.
//!
//! Who breaks the rules has little stake and does nothing with it, and with such a node about the
//! others keep at least `KEPT`: so less than a third of the power of any set breaks the rules,
//! whoever sits out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::{Genesis, GenesisAccount, LOCAL_STAKE, Parameters, local_account};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signer};
use starling_ledger::staking::{ConsensusKey, Stake, StakeStatus};
use starling_ledger::state::State;
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{
    Action, Amount, Body, Nonce, RawTransaction, Transaction, possession_hash,
};
use starling_ledger::vote::Height;

use super::chance::Chance;
use super::config::Config;

/// What a staker holds at first beside its stake.
const FUNDS: Amount = 4 * LOCAL_STAKE;
/// What stays bonded where somebody breaks the rules.
const KEPT: Amount = LOCAL_STAKE / 2;
/// The stake of who breaks the rules.
const HOSTILE: Amount = LOCAL_STAKE / 10;
/// How long a staker waits for its transaction before it makes another, milliseconds of block time.
const PATIENCE_MS: u64 = 5_000;
/// New entries of the state that a fee pays for: more than any action makes.
const ENTRIES: u64 = 4;
/// Blocks of a phase of [`Staking::Exodus`] and of a turn of [`Staking::Churn`] (test-cases.md,
/// CHU-07).
const PHASE: Height = 20;

/// What stakers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staking {
    /// Nothing; the set of the genesis stays, but for who sits out or is punished.
    Off,
    /// Everything, at random.
    Mixed,
    /// All leave at once, and all come back.
    Exodus,
    /// One leaves and one joins every 20 blocks.
    Churn,
}

/// All stakers of a network.
pub struct Stakers {
    chance: Chance,
    genesis: Hash,
    parameters: Parameters,
    plan: Staking,
    /// How many of the first nodes break the rules.
    hostile: usize,
    stakers: Vec<Staker>,
    /// The consensus keys of all nodes.
    keys: Vec<Arc<dyn Signer>>,
}

struct Staker {
    signer: Arc<dyn Signer>,
    account: AccountId,
    waiting: Option<Waiting>,
}

struct Waiting {
    nonce: Nonce,
    expires_at_ms: u64,
    raw: RawTransaction,
}

/// The ledger as stakers see it.
pub struct Look<'a> {
    /// The state after the last block.
    pub state: &'a State,
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time_ms: u64,
    /// Which nodes know what their key has signed: nobody stakes on a machine that still has to
    /// watch before it signs.
    pub ready: &'a [bool],
}

impl Look<'_> {
    fn read<T>(&self, key: &[u8], decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let bytes = self.state.get(key).ok().flatten();
        bytes.and_then(|bytes| decode(&bytes))
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        let decode = |bytes: &[u8]| Account::from_bytes(bytes).ok();
        self.read(&StateKey::account(id), decode)
    }

    fn stake(&self, id: &AccountId) -> Option<Stake> {
        self.read(&StateKey::stake(id), |bytes| Stake::from_bytes(bytes).ok())
    }

    fn key(&self, key: &PublicKey) -> Option<ConsensusKey> {
        let decode = |bytes: &[u8]| ConsensusKey::from_bytes(bytes).ok();
        self.read(&StateKey::consensus_key(key), decode)
    }
}

impl Stakers {
    /// Makes the stakers, and the genesis in which they have funds and epochs are short.
    pub fn new(config: &Config, keys: &[Arc<dyn Signer>], genesis: &mut Genesis) -> Self {
        let count = usize::from(config.nodes) + usize::from(config.observers);
        if config.epoch_blocks > 0 {
            genesis.parameters.epoch_blocks = config.epoch_blocks;
        }
        if config.staking != Staking::Off {
            prepare(config, count, genesis);
        }
        let staker = |index| {
            let secret = SecretKey::local(&name(index));
            Staker {
                account: Authority::Key(secret.public_key()).account(),
                signer: config.signatures.signer(secret),
                waiting: None,
            }
        };
        Self {
            chance: Chance::new(config.seed, "stakers"),
            genesis: Hash::ZERO,
            parameters: genesis.parameters,
            plan: config.staking,
            hostile: config.adversaries.len(),
            stakers: (0..count).map(staker).collect(),
            keys: keys.to_vec(),
        }
    }

    /// Learns the network's id, once its genesis is complete.
    pub const fn join(&mut self, genesis: Hash) {
        self.genesis = genesis;
    }

    /// Returns the accounts of all stakers.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        self.stakers.iter().map(|staker| staker.account).collect()
    }

    /// Lets somebody act; returns what it submits.
    pub fn act(&mut self, look: &Look<'_>) -> Option<RawTransaction> {
        let honest = self.stakers.len().checked_sub(self.hostile)?;
        let index = self.hostile + self.chance.position(honest);
        let account = look.account(&self.stakers.get(index)?.account)?;
        let staker = self.stakers.get_mut(index)?;
        let due = |one: &Waiting| one.nonce >= account.nonce && one.expires_at_ms > look.time_ms;
        staker.waiting = staker.waiting.take().filter(due);
        if let Some(waiting) = &staker.waiting {
            return Some(waiting.raw.clone());
        }
        let actions = match self.plan {
            Staking::Off => None,
            Staking::Mixed => self.wander(index, &account, look),
            Staking::Exodus => {
                let kept = if self.hostile > 0 { KEPT } else { 0 };
                self.follow(index, ((look.height / PHASE) % 2 == 1, kept), look)
            }
            Staking::Churn => {
                let stakers = u64::try_from(self.stakers.len()).unwrap_or(u64::MAX);
                let out = (look.height / PHASE) % stakers;
                self.follow(index, (u64::try_from(index) != Ok(out), 0), look)
            }
        }?;
        let expires_at_ms = look.time_ms + PATIENCE_MS;
        let raw = self.sign(index, (account.nonce, expires_at_ms), actions);
        self.stakers.get_mut(index)?.waiting = Some(Waiting {
            nonce: account.nonce,
            expires_at_ms,
            raw: raw.clone(),
        });
        Some(raw)
    }

    /// Anything that may be done.
    fn wander(&mut self, index: usize, account: &Account, look: &Look<'_>) -> Option<Vec<Action>> {
        let spare = account.balance / 2;
        let Some(stake) = self.stake(index, look).filter(|stake| stake.bonded > 0) else {
            let amount = self.chance.between(KEPT, 2 * LOCAL_STAKE);
            return self.bond(index, amount.min(spare), look);
        };
        if stake.status == StakeStatus::SittingOut {
            return self.unjail(index, &stake, look);
        }
        let least = if self.hostile > 0 { KEPT } else { 0 };
        let loose = stake.bonded.saturating_sub(least);
        match self.chance.between(0, 9) {
            0 | 1 => {
                let amount = self.chance.between(1, 2 * LOCAL_STAKE).min(spare);
                let key = self.signer_of(&stake.consensus_key)?;
                (amount > 0).then(|| vec![self.bond_with(index, key.as_ref(), amount)])
            }
            2..=4 => {
                let amount = self.chance.between(1, loose.max(1));
                let left = stake.bonded.checked_sub(amount)?;
                let allowed = left >= least.max(self.parameters.bond_min);
                allowed.then(|| vec![Action::Unbond { amount }])
            }
            5 if least == 0 => Some(vec![Action::Unbond {
                amount: stake.bonded,
            }]),
            6 | 7 => {
                let key = self.other_key(index, Some(&stake.consensus_key), look)?;
                Some(vec![self.bond_with(index, key.as_ref(), 0)])
            }
            _ => None,
        }
    }

    /// Being bonded, or not, but for what is kept.
    fn follow(
        &mut self,
        index: usize,
        (bonded, kept): (bool, Amount),
        look: &Look<'_>,
    ) -> Option<Vec<Action>> {
        match self.stake(index, look).filter(|stake| stake.bonded > 0) {
            Some(stake) if bonded => match stake.status {
                StakeStatus::SittingOut => self.unjail(index, &stake, look),
                StakeStatus::Active => None,
            },
            Some(stake) => {
                let amount = stake.bonded.saturating_sub(kept);
                (amount > 0).then(|| vec![Action::Unbond { amount }])
            }
            None if bonded => self.bond(index, LOCAL_STAKE, look),
            None => None,
        }
    }

    fn bond(&mut self, index: usize, amount: Amount, look: &Look<'_>) -> Option<Vec<Action>> {
        let key = self.other_key(index, None, look)?;
        Some(vec![self.bond_with(index, key.as_ref(), amount)])
    }

    /// Returns to the candidates, with another key where the old one was excluded.
    fn unjail(&mut self, index: usize, stake: &Stake, look: &Look<'_>) -> Option<Vec<Action>> {
        let excluded = look
            .key(&stake.consensus_key)
            .is_some_and(|key| key.excluded);
        if !excluded {
            return Some(vec![Action::Unjail]);
        }
        let key = self.other_key(index, Some(&stake.consensus_key), look)?;
        Some(vec![self.bond_with(index, key.as_ref(), 0), Action::Unjail])
    }

    fn stake(&self, index: usize, look: &Look<'_>) -> Option<Stake> {
        look.stake(&self.stakers.get(index)?.account)
    }

    fn signer_of(&self, key: &PublicKey) -> Option<Arc<dyn Signer>> {
        let mut keys = self.keys.iter();
        keys.find(|one| one.public_key() == *key).cloned()
    }

    /// Draws a key of an honest node that this staker may name.
    fn other_key(
        &mut self,
        index: usize,
        not: Option<&PublicKey>,
        look: &Look<'_>,
    ) -> Option<Arc<dyn Signer>> {
        let account = self.stakers.get(index)?.account;
        let free = |key: &PublicKey| {
            let known = look.key(key);
            known.is_none_or(|known| known.account == account && !known.excluded)
        };
        let ready = self.keys.iter().zip(look.ready);
        let honest = ready.skip(self.hostile).filter(|(_, ready)| **ready);
        let free: Vec<_> = honest
            .map(|(key, _)| key)
            .filter(|key| free(&key.public_key()) && Some(&key.public_key()) != not)
            .cloned()
            .collect();
        free.get(self.chance.position(free.len())).cloned()
    }

    fn bond_with(&self, index: usize, key: &dyn Signer, amount: Amount) -> Action {
        let account = self.stakers.get(index).map(|staker| staker.account);
        let account = account.unwrap_or(AccountId([0; 32]));
        let message = possession_hash(&self.genesis, &account);
        Action::Bond {
            consensus_key: key.public_key(),
            amount,
            proof_of_possession: key.sign(&message.0),
        }
    }

    fn sign(
        &self,
        index: usize,
        (nonce, expires_at_ms): (Nonce, u64),
        actions: Vec<Action>,
    ) -> RawTransaction {
        let signer = &self.stakers[index].signer;
        let mut body = Body {
            sender: None,
            nonce,
            fee: 0,
            expires_at_ms,
            memo: String::new(),
            actions,
        };
        let size = signed(&body, signer.as_ref(), &self.genesis).0.len();
        body.fee = self
            .parameters
            .required_fee(size, ENTRIES)
            .unwrap_or_default();
        signed(&body, signer.as_ref(), &self.genesis)
    }
}

/// Short epochs and periods, funds for every staker, and little stake for who breaks the rules.
fn prepare(config: &Config, count: usize, genesis: &mut Genesis) {
    let parameters = &mut genesis.parameters;
    let most = match config.staking {
        Staking::Mixed => usize::from(config.nodes).max(4),
        _ => count,
    };
    parameters.validators_max = u32::try_from(most).unwrap_or(u32::MAX);
    parameters.unbonding_ms = 8_000;
    parameters.evidence_age_ms = 8_000;
    parameters.trust_period_ms = 4_000;
    for index in 0..count {
        genesis.accounts.push(GenesisAccount {
            account: local_account(&name(index)),
            balance: FUNDS,
        });
    }
    for index in 0..config.adversaries.len() {
        let account = local_account(&name(index));
        let mut validators = genesis.validators.iter_mut();
        if let Some(hostile) = validators.find(|one| one.account == account) {
            hostile.stake = HOSTILE;
        }
    }
}

fn name(index: usize) -> String {
    format!("n{}", index + 1)
}

fn signed(body: &Body, signer: &dyn Signer, genesis: &Hash) -> RawTransaction {
    let authority = Authority::Key(signer.public_key());
    let id = body.id(genesis, &authority.account());
    let signatures = vec![signer.sign(&id.0.0)];
    Transaction {
        body: body.clone(),
        authority,
        signatures,
    }
    .to_raw()
}

impl Staking {
    /// All that stakers can do.
    pub const ALL: [Self; 4] = [Self::Off, Self::Mixed, Self::Exodus, Self::Churn];
}

impl fmt::Display for Staking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Mixed => "mixed",
            Self::Exodus => "exodus",
            Self::Churn => "churn",
        })
    }
}

impl FromStr for Staking {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.to_string() == text);
        found.ok_or_else(|| "expected off, mixed, exodus or churn".to_owned())
    }
}
