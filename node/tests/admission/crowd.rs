//! Senders that try everything: payments to others, to themselves and to nobody yet, records made
//! before, changed authorities, stakes of every kind, replacements, and what no block takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::block::BlockHash;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{Genesis, GenesisAccount};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};
use starling_ledger::staking::{Stake, StakeStatus};
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{
    Action, Amount, Body, RawTransaction, Transaction, VerifiedTransaction,
};
use starling_ledger::vote::{SignedVote, Vote, VoteType};
use starling_node::mempool::Mempool;

use super::chance::Chance;
use super::network::{Network, UNSIGNED, Unchecked};

/// Those who send; the first of them hold much, the last have no account at first.
const PEOPLE: usize = 40;
const RICH: usize = 20;
const WITHOUT_ACCOUNT: usize = 4;
const VALIDATORS: u16 = 5;
const KEYS: usize = 60;
const BOND_MIN: Amount = 1_000;

/// Everybody, with all authorities anybody may come to have.
pub(crate) struct Crowd {
    chance: Chance,
    people: Vec<AccountId>,
    authorities: BTreeMap<Hash, Authority>,
    keys: Vec<PublicKey>,
    rivals: Vec<SecretKey>,
    strangers: u64,
}

impl Crowd {
    /// Makes the crowd, and `rivals` that fill the list of candidates.
    pub(crate) fn new(chance: Chance, rivals: usize) -> Self {
        let key = |name: &str| SecretKey::local(name).public_key();
        let mut firsts: Vec<_> = (0..PEOPLE)
            .map(|number| Authority::Key(key(&format!("p{number}"))))
            .collect();
        firsts.extend((1..=VALIDATORS).map(|number| Authority::Key(key(&format!("n{number}")))));
        let people = firsts.iter().map(Authority::account).collect();
        let mut others: Vec<_> = (0..4)
            .map(|number| key(&format!("other {number}")))
            .collect();
        let mut authorities = firsts;
        authorities.extend(others.iter().map(|key| Authority::Key(*key)));
        others.sort_unstable();
        let policy = |threshold| Policy::new(threshold, others.clone()).unwrap();
        authorities.extend((1..=4).map(|threshold| Authority::Policy(policy(threshold))));
        Self {
            chance,
            people,
            authorities: authorities
                .into_iter()
                .map(|one| (one.hash(), one))
                .collect(),
            keys: (0..KEYS)
                .map(|number| key(&format!("vote {number}")))
                .collect(),
            rivals: (0..rivals)
                .map(|number| SecretKey::local(&format!("rival {number}")))
                .collect(),
            strangers: 0,
        }
    }

    /// A network with short epochs and small stakes, so that all of staking happens.
    pub(crate) fn genesis(&mut self) -> Genesis {
        let mut genesis = Genesis::local("admission", 1_000, VALIDATORS);
        let with_account = PEOPLE - WITHOUT_ACCOUNT;
        let people = self.people[..with_account].iter().enumerate();
        let mut accounts: Vec<_> = people
            .map(|(number, account)| GenesisAccount {
                account: *account,
                balance: if number < RICH { 1 << 40 } else { 900_000 },
            })
            .collect();
        accounts.extend(self.rivals.iter().map(|key| GenesisAccount {
            account: Authority::Key(key.public_key()).account(),
            balance: 1_000_000,
        }));
        genesis.accounts = accounts;
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        for validator in &mut genesis.validators {
            validator.stake = 20 * BOND_MIN;
        }
        let parameters = &mut genesis.parameters;
        parameters.validators_max = 7;
        parameters.epoch_blocks = 6;
        parameters.bond_min = BOND_MIN;
        parameters.unbonding_ms = 240_000;
        parameters.evidence_age_ms = 60_000;
        parameters.trust_period_ms = 20_000;
        genesis
    }

    /// Blocks in which the rivals bond.
    pub(crate) fn rivals(&self, network: &Network) -> Vec<Vec<Arc<VerifiedTransaction>>> {
        let bond = |key: &SecretKey| {
            let authority = Authority::Key(key.public_key());
            let actions = vec![Action::Bond {
                consensus_key: key.public_key(),
                amount: BOND_MIN + 500,
                proof_of_possession: UNSIGNED,
            }];
            let mut body = Body {
                sender: None,
                nonce: 0,
                fee: 40_000,
                expires_at_ms: u64::MAX,
                memo: String::new(),
                actions,
            };
            body.fee += u64::from(key.public_key().as_bytes()[0]);
            let raw = sign(body, authority.account(), authority);
            Arc::new(raw.verify(&Unchecked, &network.tip.genesis_hash).unwrap())
        };
        let blocks = self.rivals.chunks(2_000);
        blocks.map(|keys| keys.iter().map(bond).collect()).collect()
    }

    /// Somebody signs twice now and then: a validator, or whoever was or was not one.
    pub(crate) fn offences(&mut self, network: &Network) -> Vec<Evidence> {
        if !self.chance.once_in(6) {
            return Vec::new();
        }
        let members = network.tip.validators.members();
        let key = members[self.chance.index(members.len())].key;
        let vote = |block| SignedVote {
            vote: Vote {
                vote_type: VoteType::Precommit,
                height: network.tip.height,
                round: 0,
                block,
                validator: key,
            },
            signature: UNSIGNED,
        };
        let other = Some(BlockHash(Hash([7; 32])));
        vec![Evidence::of_votes(vote(None), vote(other))]
    }

    /// Makes one transaction: mostly one that may apply behind what waits.
    pub(crate) fn transaction(&mut self, network: &Network, pool: &Mempool) -> RawTransaction {
        let at = match self.chance.once_in(3) {
            true => self.chance.index(12),
            false => self.chance.index(self.people.len()),
        };
        let sender = self.people[at];
        let account = network.account(&sender);
        let first = account.map_or(0, |account| account.nonce);
        let end = pool.next_nonce(&sender).unwrap_or(first);
        let nonce = match self.chance.below(24) {
            0 => end + 1 + self.chance.below(4),
            1 => first.wrapping_sub(1),
            2 => end + 60 + self.chance.below(10),
            3..6 if end > first => first + self.chance.below(end - first),
            _ => end,
        };
        let count = match self.chance.below(20) {
            0 => 16,
            1..6 => 2 + self.chance.below(2),
            _ => 1,
        };
        let stake = stake(network, &sender);
        let actions = (0..count).map(|_| self.action(&sender, account, stake.as_ref()));
        let actions: Vec<_> = actions.collect();
        let body = Body {
            sender: None,
            nonce,
            fee: 0,
            expires_at_ms: self.expiry(network),
            memo: "m".repeat(self.chance.index(9)),
            actions,
        };
        let authority = self.authority(&sender, account, pool);
        self.with_fee(network, body, (sender, authority))
    }

    /// Makes a payment of most that somebody holds, with the nonce of its first one that waits.
    pub(crate) fn rival(&mut self, network: &Network, pool: &Mempool) -> Option<RawTransaction> {
        let queues: Vec<_> = pool.settled().collect();
        let queue = queues.get(self.chance.index(queues.len().max(1)))?;
        let sender = queue[0].sender();
        let account = network.account(&sender)?;
        let body = Body {
            sender: None,
            nonce: account.nonce,
            fee: 30_000,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions: vec![Action::Transfer {
                to: self.people[self.chance.index(self.people.len())],
                amount: account.balance / 10 * 9,
            }],
        };
        let authority = self.authorities[&account.authority].clone();
        Some(sign(body, sender, authority))
    }

    fn expiry(&mut self, network: &Network) -> u64 {
        let now_ms = network.tip.time_ms;
        match self.chance.below(16) {
            0 => now_ms.saturating_sub(self.chance.below(3)),
            1 => now_ms + self.chance.below(3),
            2..5 => now_ms + self.chance.below(6_000),
            _ => u64::MAX,
        }
    }

    /// The authority of the account, or what it will be behind what waits, or another.
    fn authority(
        &mut self,
        sender: &AccountId,
        account: Option<Account>,
        pool: &Mempool,
    ) -> Authority {
        if self.chance.once_in(30) {
            return self.any_authority();
        }
        let mut current = account.map_or(Hash(sender.0), |account| account.authority);
        let queue = pool.settled().find(|queue| queue[0].sender() == *sender);
        if !self.chance.once_in(8) {
            let queue = queue.iter().flatten();
            for action in queue.flat_map(|one| &one.body().actions) {
                if let Action::SetAuthority { authority } = action {
                    current = authority.hash();
                }
            }
        }
        self.authorities[&current].clone()
    }

    fn any_authority(&mut self) -> Authority {
        let at = self.chance.index(self.authorities.len());
        self.authorities.values().nth(at).unwrap().clone()
    }

    /// Offers exactly what is required for some number of entries, or about that, or more.
    fn with_fee(
        &mut self,
        network: &Network,
        mut body: Body,
        (sender, authority): (AccountId, Authority),
    ) -> RawTransaction {
        let size = sign(body.clone(), sender, authority.clone()).0.len();
        let entries = match self.chance.below(4) {
            0 => self.chance.below(3),
            _ => body.actions.len() as u64 * 2,
        };
        let parameters = &network.tip.genesis.parameters;
        let required = parameters.required_fee(size, entries).unwrap();
        body.fee = match self.chance.below(12) {
            0 => required.saturating_sub(1),
            1 => self.chance.below(1_000),
            2 => u64::MAX - self.chance.below(2),
            3..7 => required + self.chance.below(60_000),
            _ => required,
        };
        sign(body, sender, authority)
    }

    fn action(
        &mut self,
        sender: &AccountId,
        account: Option<Account>,
        stake: Option<&Stake>,
    ) -> Action {
        let sits_out = stake.is_some_and(|stake| stake.status == StakeStatus::SittingOut);
        if sits_out && self.chance.once_in(3) {
            return Action::Unjail;
        }
        match self.chance.below(100) {
            0..52 => self.pay(sender, account),
            52..64 => Action::Record {
                digest: Hash([u8::try_from(self.chance.below(40)).unwrap(); 32]),
                note: "n".repeat(self.chance.index(8)),
            },
            64..70 => Action::SetAuthority {
                authority: self.any_authority(),
            },
            70..84 => self.bond(stake),
            84..96 => Action::Unbond {
                amount: self.part(stake),
            },
            _ => Action::Unjail,
        }
    }

    fn pay(&mut self, sender: &AccountId, account: Option<Account>) -> Action {
        let to = match self.chance.below(10) {
            0..2 => *sender,
            2..4 => {
                self.strangers += u64::from(self.chance.once_in(2));
                let mut id = [0xA5; 32];
                id[..8].copy_from_slice(&self.strangers.to_le_bytes());
                AccountId(id)
            }
            _ => self.people[self.chance.index(self.people.len())],
        };
        let balance = account.map_or(0, |account| account.balance);
        let amount = match self.chance.below(16) {
            0 => 0,
            1 => u64::MAX - self.chance.below(3),
            2..5 => balance.saturating_sub(self.chance.below(100_000)),
            5..8 => balance / (2 + self.chance.below(3)),
            8 => balance + self.chance.below(3),
            _ => 1 + self.chance.below((balance / 40).max(1)),
        };
        Action::Transfer { to, amount }
    }

    fn bond(&mut self, stake: Option<&Stake>) -> Action {
        let consensus_key = match stake {
            Some(stake) if !self.chance.once_in(3) => stake.consensus_key,
            _ => self.keys[self.chance.index(KEYS)],
        };
        let amount = match self.chance.below(8) {
            0..2 => 0,
            2 => self.chance.below(BOND_MIN),
            _ => self.chance.below(4 * BOND_MIN),
        };
        Action::Bond {
            consensus_key,
            amount,
            proof_of_possession: UNSIGNED,
        }
    }

    fn part(&mut self, stake: Option<&Stake>) -> Amount {
        let bonded = stake.map_or(BOND_MIN, |stake| stake.bonded);
        match self.chance.below(8) {
            0 => bonded,
            1 => bonded + 1,
            2 => bonded.saturating_sub(self.chance.below(2 * BOND_MIN)),
            3 => 0,
            _ => self.chance.below(bonded / 8 + 2),
        }
    }
}

fn stake(network: &Network, account: &AccountId) -> Option<Stake> {
    let bytes = network.tip.state.get(&StateKey::stake(account)).unwrap();
    bytes.map(|bytes| Stake::from_bytes(&bytes).unwrap())
}

/// Names the sender where its authority does not derive it.
fn sign(mut body: Body, sender: AccountId, authority: Authority) -> RawTransaction {
    body.sender = (authority.account() != sender).then_some(sender);
    Transaction {
        signatures: vec![UNSIGNED; authority.signature_count()],
        authority,
        body,
    }
    .to_raw()
}
