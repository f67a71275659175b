//! The world of the random run: its people and keys, what they wish for, and who is awake.

use std::collections::BTreeMap;

use super::naive::{Naive, Offence};
use crate::address::AccountId;
use crate::authority::Authority;
use crate::block::{BlockHash, BlockHeader};
use crate::certificate::{CommitCertificate, CommitSignature};
use crate::evidence::Evidence;
use crate::genesis::{Genesis, GenesisAccount, GenesisValidator};
use crate::hash::Hash;
use crate::keys::{PublicKey, SecretKey, Signature, Signer as _};
use crate::transaction::{Action, Amount, Body, Nonce, Transaction};
use crate::validators::ValidatorSet;
use crate::vote::{SignedVote, Vote, VoteType};

pub(super) const PEOPLE: usize = 50;
pub(super) const KEYS: usize = 400;
pub(super) const EPOCH_BLOCKS: u64 = 8;
pub(super) const VALIDATORS_MAX: usize = 7;
pub(super) const BOND_MIN: u32 = 1_000;
pub(super) const UNBONDING_MS: u32 = 150_000;
pub(super) const EVIDENCE_MS: u32 = 90_000;

/// Authorities that a person may have.
const VERSIONS: u8 = 4;
const BALANCE: Amount = 10_000_000_000;
const STAKE: Amount = 10_000;

/// A transaction as it is meant.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) sender: usize,
    pub(super) authority: u8,
    pub(super) nonce: Nonce,
    pub(super) fee: Amount,
    pub(super) expires_at_ms: u64,
    pub(super) deeds: Vec<Deed>,
}

#[derive(Clone, Debug)]
pub(super) enum Deed {
    Pay(usize, Amount),
    Note(u8),
    Authority(u8),
    Bond(usize, Amount),
    Unbond(Amount),
    Return,
}

/// A seeded generator: SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(super) struct World {
    pub(super) genesis: Genesis,
    chance: Chance,
    /// The authorities of each person, the people ascending by account.
    authorities: Vec<Vec<Authority>>,
    people: BTreeMap<AccountId, usize>,
    keys: Vec<PublicKey>,
    numbers: BTreeMap<PublicKey, usize>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let authority = |name: String| Authority::Key(SecretKey::local(&name).public_key());
        let of_person = |person| {
            let versions = 0..VERSIONS;
            versions
                .map(move |version| authority(format!("person {person} {version}")))
                .collect()
        };
        let mut authorities: Vec<Vec<_>> = (0..PEOPLE).map(of_person).collect();
        authorities.sort_by_key(|versions| versions[0].account());
        let accounts: Vec<_> = authorities
            .iter()
            .map(|versions| versions[0].account())
            .collect();
        let key = |number| SecretKey::local(&format!("vote {number}")).public_key();
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        Self {
            genesis: genesis(&accounts, &keys),
            chance: Chance(seed),
            authorities,
            people: accounts.into_iter().zip(0..).collect(),
            numbers: keys.iter().copied().zip(0..).collect(),
            keys,
        }
    }

    pub(super) fn id(&self, person: usize) -> AccountId {
        self.authority(person, 0).account()
    }

    pub(super) fn person(&self, id: &AccountId) -> usize {
        self.people[id]
    }

    pub(super) fn authority(&self, person: usize, version: u8) -> &Authority {
        &self.authorities[person][usize::from(version)]
    }

    pub(super) fn key_number(&self, key: &PublicKey) -> usize {
        self.numbers[key]
    }

    /// The time to the next block: mostly a second or two, now and then much longer.
    pub(super) fn pause_ms(&mut self) -> u64 {
        match self.chance.below(60) {
            0 => 20_000 + self.chance.below(40_000),
            1..5 => 1,
            _ => 500 + self.chance.below(2_000),
        }
    }

    /// In these epochs everybody leaves, and nobody comes.
    const fn is_panic(naive: &Naive) -> bool {
        let epoch = naive.height().saturating_sub(1) / EPOCH_BLOCKS;
        matches!(epoch % 12, 9..=11)
    }

    pub(super) fn wish(&mut self, naive: &Naive) -> Wish {
        let sender = self.sender(naive);
        let (nonce, _, authority) = naive.account(sender).unwrap_or_default();
        let nonce = u64::try_from(nonce).unwrap();
        let chance = &mut self.chance;
        let nonce = match chance.below(40) {
            0 => nonce.wrapping_sub(1),
            1 => nonce + 1,
            _ => nonce,
        };
        let authority = match chance.below(40) {
            0 => u8::try_from(chance.below(u64::from(VERSIONS))).unwrap(),
            _ => authority,
        };
        let fee = match chance.below(40) {
            0 => chance.below(1_000),
            1 => u64::MAX,
            _ => 30_000 + chance.below(90_000),
        };
        let expires_at_ms = match chance.below(40) {
            0 => chance.below(1_000_000),
            _ => u64::MAX,
        };
        let count = match chance.below(20) {
            0 => 16,
            1..6 => 2 + chance.below(2),
            _ => 1,
        };
        Wish {
            sender,
            authority,
            nonce,
            fee,
            expires_at_ms,
            deeds: (0..count).map(|_| self.deed(naive, sender)).collect(),
        }
    }

    fn sender(&mut self, naive: &Naive) -> usize {
        let mut sender = self.chance.index(PEOPLE);
        if World::is_panic(naive) {
            let bonded = |person: &usize| naive.seat(*person).is_some_and(|seat| seat.bonded > 0);
            let others = (sender..PEOPLE).chain(0..sender);
            sender = others.into_iter().find(bonded).unwrap_or(sender);
        }
        sender
    }

    fn deed(&mut self, naive: &Naive, sender: usize) -> Deed {
        let seat = naive.seat(sender);
        // Most keep room for one more, so that they can leave in a panic.
        let releases = seat.as_ref().map_or(0, |seat| seat.releases.len());
        let bonded = seat.as_ref().map_or(0, |seat| seat.bonded);
        let bonded = Amount::try_from(bonded).unwrap();
        if World::is_panic(naive) && bonded > 0 {
            return Deed::Unbond(bonded);
        }
        if seat.as_ref().is_some_and(|seat| seat.sits_out) && self.chance.percent(30) {
            return Deed::Return;
        }
        match self.chance.below(100) {
            0..3 => Deed::Note(u8::try_from(self.chance.below(64)).unwrap()),
            3..6 => Deed::Authority(u8::try_from(self.chance.below(VERSIONS.into())).unwrap()),
            6..8 => Deed::Return,
            8..24 if !World::is_panic(naive) => self.bond(seat.map(|seat| seat.key)),
            24..36 if sender < 3 || releases < 3 => Deed::Unbond(self.part(bonded)),
            _ => Deed::Pay(self.chance.index(PEOPLE), self.amount()),
        }
    }

    fn bond(&mut self, current: Option<usize>) -> Deed {
        let key = match current {
            Some(key) if self.chance.percent(60) => key,
            _ => self.chance.index(KEYS),
        };
        let amount = match self.chance.below(10) {
            0..3 => 0,
            3 => self.amount(),
            _ => self.chance.below(20_000),
        };
        Deed::Bond(key, amount)
    }

    fn part(&mut self, bonded: Amount) -> Amount {
        match self.chance.below(8) {
            0 => bonded,
            1 => bonded + 1,
            2 => self.amount(),
            _ => self.chance.below(bonded / 4 + 2),
        }
    }

    fn amount(&mut self) -> Amount {
        match self.chance.below(60) {
            0 => 0,
            1 => u64::MAX - self.chance.below(3),
            2 => 1 << 63,
            3 => self.chance.below(2 * BALANCE),
            _ => 1 + self.chance.below(10_000_000),
        }
    }

    pub(super) fn transaction(&self, wish: &Wish) -> Transaction {
        let action = |deed: &Deed| match *deed {
            Deed::Pay(to, amount) => Action::Transfer {
                to: self.id(to),
                amount,
            },
            Deed::Note(digest) => Action::Record {
                digest: Hash([digest; 32]),
                note: String::new(),
            },
            Deed::Authority(version) => Action::SetAuthority {
                authority: self.authority(wish.sender, version).clone(),
            },
            Deed::Bond(key, amount) => Action::Bond {
                consensus_key: self.keys[key],
                amount,
                proof_of_possession: Signature([0; 64]),
            },
            Deed::Unbond(amount) => Action::Unbond { amount },
            Deed::Return => Action::Unjail,
        };
        let named = wish.authority != 0;
        Transaction {
            body: Body {
                sender: named.then(|| self.id(wish.sender)),
                nonce: wish.nonce,
                fee: wish.fee,
                expires_at_ms: wish.expires_at_ms,
                memo: String::new(),
                actions: wish.deeds.iter().map(action).collect(),
            },
            authority: self.authority(wish.sender, wish.authority).clone(),
            signatures: vec![Signature([0; 64])],
        }
    }

    /// Now and then somebody signs twice, or is said to.
    pub(super) fn offences(&mut self, naive: &Naive) -> Vec<Offence> {
        let chance = &mut self.chance;
        let count = match chance.below(10) {
            0 => 1 + chance.below(3),
            _ => 0,
        };
        let set = naive.validators();
        let offence = |_| {
            let key = match chance.percent(60) {
                true => set[chance.index(set.len())].1,
                false => chance.index(KEYS),
            };
            let back = match chance.below(4) {
                0 => chance.below(90),
                _ => chance.below(12),
            };
            Offence {
                key,
                height: (naive.height() + 1).saturating_sub(back).max(1),
                seed: u8::try_from(chance.below(4)).unwrap(),
            }
        };
        (0..count).map(offence).collect()
    }

    pub(super) fn evidence(&self, offence: &Offence) -> Evidence {
        let [one, other] = [1, 2].map(|byte| SignedVote {
            vote: Vote {
                vote_type: VoteType::Precommit,
                height: offence.height,
                round: u32::from(offence.seed),
                block: Some(BlockHash(Hash([byte; 32]))),
                validator: self.keys[offence.key],
            },
            signature: Signature([0; 64]),
        });
        Evidence::of_votes(one, other)
    }

    /// Who is awake at a height: a quorum, without some that sleep for whole epochs.
    pub(super) fn signers(&mut self, validators: &ValidatorSet, height: u64) -> Vec<u16> {
        let pair_of_epochs = (height - 1) / EPOCH_BLOCKS / 2;
        let members = validators.members();
        let mut power = validators.total_power();
        let mut signers = Vec::new();
        for (position, member) in (0u16..).zip(members) {
            let asleep = u64::from(member.account.0[3]) % 5 == pair_of_epochs % 5;
            let absent = asleep || self.chance.percent(8);
            if absent && validators.is_quorum(power - member.power) {
                power -= member.power;
            } else {
                signers.push(position);
            }
        }
        signers
    }

    pub(super) fn certificate(header: &BlockHeader, signers: &[u16]) -> CommitCertificate {
        let sign = |position: &u16| CommitSignature {
            validator: *position,
            signature: Signature([0; 64]),
        };
        CommitCertificate {
            height: header.height,
            round: header.round,
            block: header.hash(),
            signatures: signers.iter().map(sign).collect(),
        }
    }
}

/// Twenty people with funds, the first four of them validators.
fn genesis(accounts: &[AccountId], keys: &[PublicKey]) -> Genesis {
    let mut genesis = Genesis::local("local", 1_000, 1);
    let parameters = &mut genesis.parameters;
    parameters.epoch_blocks = EPOCH_BLOCKS;
    parameters.validators_max = u32::try_from(VALIDATORS_MAX).unwrap();
    parameters.bond_min = BOND_MIN.into();
    parameters.unbonding_ms = UNBONDING_MS.into();
    parameters.evidence_age_ms = EVIDENCE_MS.into();
    parameters.trust_period_ms = 60_000;
    let rich = accounts.iter().take(20).map(|account| GenesisAccount {
        account: *account,
        balance: BALANCE,
    });
    genesis.accounts = rich.collect();
    let first = accounts.iter().zip(keys).take(4);
    let validators = first.map(|(account, key)| GenesisValidator {
        account: *account,
        consensus_key: *key,
        stake: STAKE,
    });
    genesis.validators = validators.collect();
    genesis
}
