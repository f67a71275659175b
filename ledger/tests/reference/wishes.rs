//! What fifty accounts wish to do: mostly what applies, and every kind of what does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::block::BlockHash;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::{Genesis, GenesisAccount, LOCAL_UNIT, local_account};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};
use starling_ledger::transaction::{Action, Body, Nonce, Transaction, VerifiedTransaction};
use starling_ledger::vote::{SignedVote, Vote, VoteType};

use super::chance::Chance;
use super::network::{Network, UNSIGNED, Unchecked};

/// With the four validators they are fifty.
const PEOPLE: usize = 46;
/// Those who have an account from the beginning; the others get one by a transfer.
const FUNDED: usize = 30;
const VALIDATORS: u16 = 4;

/// Everybody, with all authorities anybody may come to have.
pub(crate) struct Crowd {
    chance: Chance,
    accounts: Vec<AccountId>,
    authorities: BTreeMap<Hash, Authority>,
    consensus_keys: Vec<PublicKey>,
}

impl Crowd {
    pub(crate) fn new(chance: Chance) -> Self {
        let mut names: Vec<_> = (0..PEOPLE).map(|number| format!("p{number}")).collect();
        names.extend((1..=VALIDATORS).map(|number| format!("n{number}")));
        let key = |name: &str| SecretKey::local(name).public_key();
        let mut others: Vec<_> = (0..6)
            .map(|number| key(&format!("other {number}")))
            .collect();
        let consensus = (0..40).map(|number| key(&format!("consensus {number}")));
        let consensus_keys = consensus.collect();
        let accounts = names.iter().map(|name| local_account(name)).collect();
        let firsts = names.iter().map(|name| Authority::Key(key(name)));
        let mut authorities: Vec<_> = firsts.collect();
        authorities.extend(others.iter().map(|key| Authority::Key(*key)));
        others.sort_unstable();
        let policy = |threshold| Policy::new(threshold, others.clone()).unwrap();
        authorities.extend((1..=6).map(|threshold| Authority::Policy(policy(threshold))));
        Self {
            chance,
            accounts,
            authorities: authorities
                .into_iter()
                .map(|one| (one.hash(), one))
                .collect(),
            consensus_keys,
        }
    }

    /// A network with short epochs and short waits, so that all of staking happens.
    pub(crate) fn genesis(&mut self) -> Genesis {
        let mut genesis = Genesis::local("reference", 1_000, VALIDATORS);
        let listed = |account: &AccountId| GenesisAccount {
            account: *account,
            balance: 20_000 * LOCAL_UNIT,
        };
        genesis.accounts = self.accounts.iter().take(FUNDED).map(listed).collect();
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        for validator in &mut genesis.validators {
            validator.stake = 3_000 * LOCAL_UNIT;
        }
        genesis.parameters.validators_max = 6;
        genesis.parameters.epoch_blocks = 10;
        genesis.parameters.unbonding_ms = 40_000;
        genesis.parameters.evidence_age_ms = 30_000;
        genesis.parameters.trust_period_ms = 20_000;
        genesis
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.iter().copied()
    }

    /// Somebody signs twice now and then: a validator, or whoever was or was not one.
    pub(crate) fn offences(&mut self, network: &Network) -> Vec<Evidence> {
        if !self.chance.once_in(8) {
            return Vec::new();
        }
        let members = network.tip.validators.members();
        let key = match self.chance.once_in(3) {
            true => self.consensus_keys[self.chance.index(self.consensus_keys.len())],
            false => members[self.chance.index(members.len())].key,
        };
        let height = network.tip.height.saturating_sub(self.chance.below(40));
        let vote = |block| SignedVote {
            vote: Vote {
                vote_type: VoteType::Precommit,
                height,
                round: 0,
                block,
                validator: key,
            },
            signature: UNSIGNED,
        };
        vec![Evidence::of_votes(
            vote(None),
            vote(Some(BlockHash(Hash([7; 32])))),
        )]
    }

    /// The clock of the next proposer: sometimes behind.
    pub(crate) fn clock_ms(&mut self, network: &Network) -> u64 {
        network.tip.time_ms + self.chance.below(2_500)
    }

    /// Makes `count` transactions for the next block.
    pub(crate) fn candidates(
        &mut self,
        network: &Network,
        count: usize,
    ) -> Vec<Arc<VerifiedTransaction>> {
        let mut nonces = BTreeMap::new();
        (0..count)
            .map(|_| self.candidate(network, &mut nonces))
            .collect()
    }

    fn candidate(
        &mut self,
        network: &Network,
        nonces: &mut BTreeMap<AccountId, Nonce>,
    ) -> Arc<VerifiedTransaction> {
        let sender = self.accounts[self.chance.index(self.accounts.len())];
        let account = network.account(&sender);
        let due = nonces
            .entry(sender)
            .or_insert_with(|| account.map_or(0, |account| account.nonce));
        let (nonce, now_ms) = (*due, network.tip.time_ms);
        let balance = account.map_or(0, |account| account.balance);
        let mut body = Body {
            sender: None,
            nonce,
            fee: 45_000 + self.chance.below(20_000),
            expires_at_ms: u64::MAX,
            memo: "m".repeat(self.chance.index(20)),
            actions: Vec::new(),
        };
        if self.chance.once_in(12) {
            self.spoil(&mut body, now_ms, balance);
        } else {
            for _ in 0..=self.chance.below(3) {
                body.actions.push(self.action(balance));
            }
            *due += 1;
        }
        let current = account.map_or(Hash(sender.0), |account| account.authority);
        let foreign = self.chance.once_in(200);
        let authority = match foreign {
            true => self.any_authority(),
            false => self.authorities[&current].clone(),
        };
        sign(network, sender, body, authority)
    }

    /// Makes a transaction that is refused for one reason.
    fn spoil(&mut self, body: &mut Body, now_ms: u64, balance: u64) {
        body.actions.push(self.pay(1));
        match self.chance.below(7) {
            0 => body.nonce = body.nonce.wrapping_add_signed(-1),
            1 => body.nonce += 1 + self.chance.below(3),
            2 => body.fee = self.chance.below(900),
            3 => body.expires_at_ms = now_ms.saturating_sub(self.chance.below(5)),
            4 => body.actions.push(self.pay(balance)),
            5 => {
                let amount = [0, u64::MAX, 1 << 63][self.chance.index(3)];
                body.actions.push(self.pay(amount));
            }
            _ => body.fee = u64::MAX,
        }
    }

    fn action(&mut self, balance: u64) -> Action {
        let stake = 1_000 * LOCAL_UNIT;
        match self.chance.below(400) {
            0..300 => {
                let amount = 1 + self.chance.below((balance / 20).max(1));
                self.pay(amount)
            }
            300..376 => Action::Record {
                digest: Hash([u8::try_from(self.chance.below(256)).unwrap(); 32]),
                note: "n".repeat(self.chance.index(8)),
            },
            376..380 => Action::SetAuthority {
                authority: self.any_authority(),
            },
            380..392 => Action::Bond {
                consensus_key: self.consensus_keys[self.chance.index(self.consensus_keys.len())],
                amount: [0, stake, stake + self.chance.below(stake)][self.chance.index(3)],
                proof_of_possession: UNSIGNED,
            },
            392..397 => Action::Unbond {
                amount: 1 + self.chance.below(2 * stake),
            },
            _ => Action::Unjail,
        }
    }

    fn pay(&mut self, amount: u64) -> Action {
        Action::Transfer {
            to: self.accounts[self.chance.index(self.accounts.len())],
            amount,
        }
    }

    fn any_authority(&mut self) -> Authority {
        let at = self.chance.index(self.authorities.len());
        self.authorities.values().nth(at).unwrap().clone()
    }
}

/// Names the sender where its authority does not derive it.
fn sign(
    network: &Network,
    sender: AccountId,
    mut body: Body,
    authority: Authority,
) -> Arc<VerifiedTransaction> {
    body.sender = (authority.account() != sender).then_some(sender);
    let transaction = Transaction {
        signatures: vec![UNSIGNED; authority.signature_count()],
        authority,
        body,
    };
    let raw = transaction.to_raw();
    Arc::new(raw.verify(&Unchecked, &network.tip.genesis_hash).unwrap())
}
