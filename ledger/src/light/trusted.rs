//! Trusted points: what a verifier believes already, and how it comes to believe more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Checkpoint, Conflict, LightError, LightStep, SetRole};
use crate::block::{BlockHash, BlockHeader, PROTOCOL_VERSION};
use crate::certificate::CommitCertificate;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::{PublicKey, SignatureScheme};
use crate::validators::{ValidatorSet, VotingPower};
use crate::vote::Height;

/// How far a block's time may be ahead of the verifier's clock. Our choice: ten minutes; clocks of
/// people's machines are off by as much, and the trust period is days.
pub const CLOCK_DRIFT_MS: u64 = 10 * 60 * 1000;

/// A block that is believed, and the validators that sign the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    rules: Rules,
    /// The header believed; `None` is the genesis.
    head: Option<Head>,
    next: Arc<ValidatorSet>,
    next_hash: Hash,
}

/// What a genesis says about following its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rules {
    genesis: Hash,
    time_ms: u64,
    epoch_blocks: u64,
    trust_period_ms: u64,
    /// The hash of the first validators.
    first_set: Hash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    header: BlockHeader,
    hash: BlockHash,
    /// `None` where somebody vouches for the header.
    certificate: Option<CommitCertificate>,
}

impl Trusted {
    /// Begins at the genesis.
    ///
    /// # Errors
    /// [`LightError::Genesis`] if it breaks a rule.
    pub fn genesis(genesis: &Genesis) -> Result<Self, LightError> {
        genesis.check()?;
        let next = genesis.validator_set()?;
        let next_hash = next.hash();
        Ok(Self {
            rules: Rules {
                genesis: genesis.hash(),
                time_ms: genesis.time_ms,
                epoch_blocks: genesis.parameters.epoch_blocks,
                trust_period_ms: genesis.parameters.trust_period_ms,
                first_set: next_hash,
            },
            head: None,
            next,
            next_hash,
        })
    }

    /// Begins at a block that somebody vouches for; `next` are the validators after it.
    ///
    /// # Errors
    /// [`LightError::Checkpoint`] if `header` is another block, [`LightError::SetHash`] if its next
    /// validators are others, [`LightError::Network`], [`LightError::Version`].
    pub fn checkpoint(
        genesis: &Genesis,
        given: Checkpoint,
        header: BlockHeader,
        next: ValidatorSet,
    ) -> Result<Self, LightError> {
        let found = header.hash();
        if (header.height, found) != (given.height, given.hash) {
            return Err(LightError::Checkpoint { given, found });
        }
        Self::genesis(genesis)?.with_head(header, None, next)
    }

    /// Puts a header that is believed in the place of the genesis.
    pub(super) fn with_head(
        self,
        header: BlockHeader,
        certificate: Option<CommitCertificate>,
        next: ValidatorSet,
    ) -> Result<Self, LightError> {
        self.check_network(&header)?;
        let next_hash = next.hash();
        if next_hash != header.next_validators_hash {
            let (role, height) = (SetRole::Next, header.height);
            return Err(LightError::SetHash { role, height });
        }
        Ok(Self {
            head: Some(Head {
                hash: header.hash(),
                header,
                certificate,
            }),
            next: Arc::new(next),
            next_hash,
            ..self
        })
    }

    /// Takes a step to a later header, or to the same one.
    ///
    /// # Errors
    /// [`LightError`] names the first broken rule.
    pub fn advance(
        &self,
        scheme: &dyn SignatureScheme,
        step: &LightStep,
        now_ms: u64,
    ) -> Result<Self, LightError> {
        self.follow(scheme, step, Some(now_ms))
    }

    /// Takes a step; without a time no trust expires, which is for what a checkpoint vouches for.
    pub(super) fn follow(
        &self,
        scheme: &dyn SignatureScheme,
        step: &LightStep,
        now_ms: Option<u64>,
    ) -> Result<Self, LightError> {
        let header = &step.header;
        let hash = self.check_named(step)?;
        if header.height <= self.height() {
            return self.meet(scheme, step, hash);
        }
        self.check_time(header, now_ms)?;
        let signers = self.signers(step)?;
        let next = self.successors(step, &signers)?;
        if header.validators_hash != self.next_hash {
            self.check_trusted_power(step, &signers)?;
        }
        step.certificate
            .verify(scheme, &self.rules.genesis, &signers)?;
        let is_child = header.height == self.height().saturating_add(1);
        if is_child && header.parent != self.hash() {
            return Err(self.conflict(step));
        }
        Ok(Self {
            rules: self.rules.clone(),
            next_hash: header.next_validators_hash,
            next,
            head: Some(Head {
                header: header.clone(),
                hash,
                certificate: Some(step.certificate.clone()),
            }),
        })
    }

    /// Meets a header that is not later.
    fn meet(
        &self,
        scheme: &dyn SignatureScheme,
        step: &LightStep,
        hash: BlockHash,
    ) -> Result<Self, LightError> {
        let (trusted, found) = (self.height(), step.header.height);
        let Some(head) = self.head.as_ref().filter(|_| found == trusted) else {
            return Err(LightError::Behind { trusted, found });
        };
        if head.hash == hash {
            return Ok(self.clone());
        }
        if head.header.validators_hash != step.header.validators_hash {
            return Err(LightError::Validators { height: found });
        }
        let signers = self.signers(step)?;
        step.certificate
            .verify(scheme, &self.rules.genesis, &signers)?;
        Err(self.conflict(step))
    }

    fn conflict(&self, step: &LightStep) -> LightError {
        let head = self.head.as_ref();
        LightError::Conflict(Box::new(Conflict {
            trusted: head.map(|head| head.header.clone()),
            trusted_certificate: head.and_then(|head| head.certificate.clone()),
            other: step.header.clone(),
            certificate: step.certificate.clone(),
        }))
    }

    /// Checks that header and certificate are of one block of this network; returns its hash.
    pub(super) fn check_named(&self, step: &LightStep) -> Result<BlockHash, LightError> {
        self.check_network(&step.header)?;
        let hash = step.header.hash();
        let (found, height) = (step.certificate.block, step.certificate.height);
        match (found, height) == (hash, step.header.height) {
            true => Ok(hash),
            false => Err(LightError::OtherBlock { found, height }),
        }
    }

    fn check_network(&self, header: &BlockHeader) -> Result<(), LightError> {
        let (expected, found) = (self.rules.genesis, header.genesis);
        if expected != found {
            return Err(LightError::Network { expected, found });
        }
        let (height, found) = (header.height, header.version);
        if found != PROTOCOL_VERSION {
            return Err(LightError::Version { height, found });
        }
        Ok(())
    }

    /// Checks that time goes forward, that the header is not from the future, and that this point
    /// still vouches.
    fn check_time(&self, header: &BlockHeader, now_ms: Option<u64>) -> Result<(), LightError> {
        let (height, trusted_ms, found_ms) = (header.height, self.time_ms(), header.time_ms);
        if found_ms <= trusted_ms {
            return Err(LightError::Time {
                height,
                trusted_ms,
                found_ms,
            });
        }
        let Some(now_ms) = now_ms else {
            return Ok(());
        };
        if found_ms > now_ms.saturating_add(CLOCK_DRIFT_MS) {
            return Err(LightError::Future {
                height,
                found_ms,
                now_ms,
            });
        }
        self.check_vouches(now_ms)
    }

    /// Checks that this point still vouches for its validators.
    pub(super) fn check_vouches(&self, now_ms: u64) -> Result<(), LightError> {
        let trust_period_ms = self.rules.trust_period_ms;
        match self.vouches_until_ms().is_none_or(|end| now_ms < end) {
            true => Ok(()),
            false => Err(LightError::Expired {
                height: self.height(),
                age_ms: now_ms.saturating_sub(self.time_ms()),
                trust_period_ms,
            }),
        }
    }

    /// Returns the validators that sign the step's header.
    fn signers(&self, step: &LightStep) -> Result<Arc<ValidatorSet>, LightError> {
        let (role, header) = (SetRole::Signing, &step.header);
        if header.validators_hash == self.next_hash {
            absent(step.validators.as_ref(), role, header)?;
            return Ok(Arc::clone(&self.next));
        }
        let epoch = |height: Height| height.saturating_sub(1) / self.rules.epoch_blocks.max(1);
        if epoch(header.height) == epoch(self.height().saturating_add(1)) {
            let height = header.height;
            return Err(LightError::Validators { height });
        }
        named(step.validators.as_ref(), role, header)
    }

    /// Returns the validators that sign the block after the step's.
    fn successors(
        &self,
        step: &LightStep,
        signers: &Arc<ValidatorSet>,
    ) -> Result<Arc<ValidatorSet>, LightError> {
        let (role, header) = (SetRole::Next, &step.header);
        if header.next_validators_hash == header.validators_hash {
            absent(step.next_validators.as_ref(), role, header)?;
            return Ok(Arc::clone(signers));
        }
        if !header.height.is_multiple_of(self.rules.epoch_blocks.max(1)) {
            let height = header.height;
            return Err(LightError::Handover { height });
        }
        named(step.next_validators.as_ref(), role, header)
    }

    /// Checks that more than two thirds of the trusted power stand behind a header of others. Only
    /// the certificate's own check says whether their signatures are good.
    fn check_trusted_power(
        &self,
        step: &LightStep,
        signers: &ValidatorSet,
    ) -> Result<(), LightError> {
        let signed = power_of(&self.next, &step.certificate, signers);
        if self.next.is_quorum(signed) {
            return Ok(());
        }
        Err(LightError::TrustedPower {
            trusted: self.height(),
            height: step.header.height,
            signed,
            total: self.next.total_power(),
        })
    }

    /// Returns the height; 0 is the genesis.
    pub fn height(&self) -> Height {
        self.head.as_ref().map_or(0, |head| head.header.height)
    }

    /// Returns the hash that a child names as its parent.
    pub fn hash(&self) -> BlockHash {
        let genesis = BlockHash(self.rules.genesis);
        self.head.as_ref().map_or(genesis, |head| head.hash)
    }

    /// Returns the time of the block, milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        let genesis = self.rules.time_ms;
        self.head
            .as_ref()
            .map_or(genesis, |head| head.header.time_ms)
    }

    /// Returns the network.
    pub const fn network(&self) -> Hash {
        self.rules.genesis
    }

    /// Returns the header; `None` is the genesis.
    pub fn header(&self) -> Option<&BlockHeader> {
        self.head.as_ref().map(|head| &head.header)
    }

    /// Returns the certificate by which the header is believed; `None` where it is vouched for.
    pub fn certificate(&self) -> Option<&CommitCertificate> {
        self.head.as_ref()?.certificate.as_ref()
    }

    /// Returns the validators that sign the next block.
    pub fn next_validators(&self) -> &ValidatorSet {
        &self.next
    }

    /// Returns the hash of the validators that sign the next block.
    pub const fn next_validators_hash(&self) -> Hash {
        self.next_hash
    }

    /// Returns when this point ceases to vouch for its validators; `None` where it never does.
    pub fn vouches_until_ms(&self) -> Option<u64> {
        let end = || self.time_ms().saturating_add(self.rules.trust_period_ms);
        (self.next_hash != self.rules.first_set).then(end)
    }
}

/// Returns the power in `trusted` whose keys `certificate` names; its signers are of `signers`.
pub(super) fn power_of(
    trusted: &ValidatorSet,
    certificate: &CommitCertificate,
    signers: &ValidatorSet,
) -> VotingPower {
    let trusted = trusted.members().iter();
    let trusted: BTreeMap<PublicKey, VotingPower> =
        trusted.map(|member| (member.key, member.power)).collect();
    let signed = certificate.signatures.iter().filter_map(|signature| {
        let member = signers.members().get(usize::from(signature.validator))?;
        trusted.get(&member.key)
    });
    // A certificate that names a signer twice is refused by its own check.
    signed.fold(0, |sum: VotingPower, power| sum.saturating_add(*power))
}

/// Takes the set that came along; it is the one the header names.
pub(super) fn named(
    told: Option<&ValidatorSet>,
    role: SetRole,
    header: &BlockHeader,
) -> Result<Arc<ValidatorSet>, LightError> {
    let height = header.height;
    let told = told.ok_or(LightError::SetMissing { role, height })?;
    let expected = match role {
        SetRole::Signing => header.validators_hash,
        SetRole::Next => header.next_validators_hash,
    };
    match told.hash() == expected {
        true => Ok(Arc::new(told.clone())),
        false => Err(LightError::SetHash { role, height }),
    }
}

/// Refuses a set that is known already.
fn absent(
    told: Option<&ValidatorSet>,
    role: SetRole,
    header: &BlockHeader,
) -> Result<(), LightError> {
    let height = header.height;
    match told {
        None => Ok(()),
        Some(_) => Err(LightError::SetNeedless { role, height }),
    }
}
