//! Chains of headers made by hand, whose validators change as a test wants.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::block::{BlockHash, BlockHeader, PROTOCOL_VERSION};
use crate::certificate::{CommitCertificate, CommitSignature};
use crate::genesis::{Genesis, local_account, local_consensus_key};
use crate::hash::Hash;
use crate::keys::{Ed25519, PublicKey, SecretKey, Signer as _};
use crate::light::{LightError, LightStep, Trusted};
use crate::validators::{Validator, ValidatorSet};
use crate::vote::{Height, Vote, VoteType};

pub(super) const EPOCH_BLOCKS: u64 = 10;
pub(super) const HOUR_MS: u64 = 60 * 60 * 1000;
/// Two days: block times are an hour apart.
pub(super) const TRUST_PERIOD_MS: u64 = 48 * HOUR_MS;
pub(super) const BIRTH_MS: u64 = 1_700_000_000_000;

/// The first validators, with the power of each.
pub(super) const FOUNDERS: &[Member] = &[("n1", "n1"), ("n2", "n2"), ("n3", "n3"), ("n4", "n4")];
const POWER: u64 = 1_000_000_000_000;

/// The keys of `n1`, `n2`, …
static KEYS: LazyLock<BTreeMap<PublicKey, SecretKey>> = LazyLock::new(|| {
    let keys = (1..=300).map(|number| local_consensus_key(&format!("n{number}")));
    keys.map(|key| (key.public_key(), key)).collect()
});

/// A member of a set: whose account, and whose consensus key.
pub(super) type Member = (&'static str, &'static str);

/// Headers from block 1 on, with the sets that sign them.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) genesis: Genesis,
    pub(super) headers: Vec<BlockHeader>,
    /// The set of each epoch.
    pub(super) sets: Vec<ValidatorSet>,
}

pub(super) fn genesis() -> Genesis {
    let mut genesis = Genesis::local("local", BIRTH_MS, 4);
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    genesis.parameters.trust_period_ms = TRUST_PERIOD_MS;
    genesis.parameters.evidence_age_ms = TRUST_PERIOD_MS + 1;
    genesis.parameters.unbonding_ms = TRUST_PERIOD_MS + 1;
    genesis
}

pub(super) fn set(members: &[Member]) -> ValidatorSet {
    let member = |(account, key): &Member| Validator {
        account: local_account(account),
        key: local_consensus_key(key).public_key(),
        power: POWER,
    };
    ValidatorSet::new(members.iter().map(member).collect()).unwrap()
}

/// The number of the epoch of a height.
fn epoch(height: Height) -> usize {
    usize::try_from((height - 1) / EPOCH_BLOCKS).unwrap()
}

impl Chain {
    /// Makes a chain of whole epochs, each with its set.
    pub(super) fn new(epochs: &[&[Member]]) -> Self {
        Self::of(epochs.iter().map(|members| set(members)).collect())
    }

    /// Makes a chain in which nobody stays for a second epoch.
    pub(super) fn restless(epochs: u64) -> Self {
        let member = |number: u64| {
            let name = format!("n{number}");
            Validator {
                account: local_account(&name),
                key: local_consensus_key(&name).public_key(),
                power: POWER,
            }
        };
        let set = |epoch: u64| (4 * epoch + 1..=4 * epoch + 4).map(member).collect();
        Self::of(
            (0..epochs)
                .map(|epoch| ValidatorSet::new(set(epoch)).unwrap())
                .collect(),
        )
    }

    fn of(sets: Vec<ValidatorSet>) -> Self {
        let epochs = u64::try_from(sets.len()).unwrap();
        let mut chain = Self {
            genesis: genesis(),
            headers: Vec::new(),
            sets,
        };
        assert_eq!(chain.sets[0], *chain.genesis.validator_set().unwrap());
        for height in 1..=EPOCH_BLOCKS * epochs {
            let header = chain.make(height, Hash::ZERO);
            chain.headers.push(header);
        }
        chain
    }

    fn make(&self, height: Height, state_root: Hash) -> BlockHeader {
        let set = |height| self.sets.get(epoch(height)).or(self.sets.last()).unwrap();
        let parent = self.headers.last().map(BlockHeader::hash);
        BlockHeader {
            version: PROTOCOL_VERSION,
            upgrade_signal: PROTOCOL_VERSION,
            genesis: self.genesis.hash(),
            height,
            round: 0,
            parent: parent.unwrap_or(BlockHash(self.genesis.hash())),
            time_ms: BIRTH_MS + height * HOUR_MS,
            proposer: set(height).proposer(height, 0).account,
            transaction_root: Hash::ZERO,
            transaction_count: 0,
            state_root,
            validators_hash: set(height).hash(),
            next_validators_hash: set(height + 1).hash(),
            evidence_root: Hash::ZERO,
            evidence_count: 0,
            parent_certificate_hash: Hash::ZERO,
        }
    }

    /// Replaces the last block by one with this state and these transactions.
    pub(super) fn set_last(&mut self, change: impl FnOnce(&mut BlockHeader)) {
        change(self.headers.last_mut().unwrap());
    }

    pub(super) fn height(&self) -> Height {
        u64::try_from(self.headers.len()).unwrap()
    }

    pub(super) fn header(&self, height: Height) -> BlockHeader {
        self.headers[usize::try_from(height - 1).unwrap()].clone()
    }

    /// The validators that sign the block at `height`.
    pub(super) fn signers(&self, height: Height) -> &ValidatorSet {
        &self.sets[epoch(height)]
    }

    /// The step from a point that vouches for the set of epoch `from` to `height`, signed by all.
    pub(super) fn step(&self, from: usize, height: Height) -> LightStep {
        self.step_to(from, self.header(height))
    }

    /// The step to a header that stands in for the one at its height, signed by all.
    pub(super) fn step_to(&self, from: usize, header: BlockHeader) -> LightStep {
        let signers = self.signers(header.height);
        let next = self.sets.get(epoch(header.height + 1)).or(self.sets.last());
        let (known, handover) = (
            signers.hash() == self.sets[from].hash(),
            header.next_validators_hash != header.validators_hash,
        );
        LightStep {
            certificate: certify(&self.genesis, signers, &header, signers.members().len()),
            validators: (!known).then(|| signers.clone()),
            next_validators: next.filter(|_| handover).cloned(),
            header,
        }
    }

    pub(super) fn start(&self) -> Trusted {
        Trusted::genesis(&self.genesis).unwrap()
    }

    /// Now, an hour after the last block.
    pub(super) fn now_ms(&self) -> u64 {
        BIRTH_MS + (self.height() + 1) * HOUR_MS
    }

    /// Follows the last block of each epoch up to epoch `last`.
    pub(super) fn walk(&self, last: usize) -> Result<Trusted, LightError> {
        (0..=last).try_fold(self.start(), |trusted, number| {
            let height = (u64::try_from(number).unwrap() + 1) * EPOCH_BLOCKS;
            trusted.advance(&Ed25519, &self.step(number, height), self.now_ms())
        })
    }
}

/// The precommits of the first `count` members.
pub(super) fn certify(
    genesis: &Genesis,
    set: &ValidatorSet,
    header: &BlockHeader,
    count: usize,
) -> CommitCertificate {
    let block = header.hash();
    let sign = |(index, member): (u16, &Validator)| {
        let vote = Vote {
            vote_type: VoteType::Precommit,
            height: header.height,
            round: header.round,
            block: Some(block),
            validator: member.key,
        };
        let key = &KEYS[&member.key];
        CommitSignature {
            validator: index,
            signature: vote.sign(&genesis.hash(), key).signature,
        }
    };
    CommitCertificate {
        height: header.height,
        round: header.round,
        block,
        signatures: (0..).zip(set.members()).take(count).map(sign).collect(),
    }
}
