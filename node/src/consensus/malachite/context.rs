//! The concrete types that Malachite's generic core is instantiated with: thin wrappers of the
//! ledger's.

use std::fmt;
use std::sync::Arc;

use malachite_types as mt;
use malachite_types::{NilOrVal, SignedExtension};
use starling_ledger::block::BlockHash;
use starling_ledger::keys::{PublicKey, SecretKey, Signature};
use starling_ledger::validators::ValidatorSet;

/// The name of a validator: its consensus key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address(pub(super) PublicKey);

/// A block's hash as the value agreed on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value(pub(super) BlockHash);

/// A height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Height(pub(super) u64);

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sig(pub(super) Signature);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl mt::Address for Address {}

impl mt::Value for Value {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

impl mt::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    fn decrement_by(&self, count: u64) -> Option<Self> {
        self.0.checked_sub(count).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// The signing scheme as Malachite wants it described; keys and checks go through the engine's
/// `Keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scheme;

impl mt::SigningScheme for Scheme {
    type DecodingError = &'static str;
    type Signature = Sig;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;

    fn decode_signature(bytes: &[u8]) -> Result<Sig, &'static str> {
        let bytes = bytes.try_into().map_err(|_| "not 64 bytes")?;
        Ok(Sig(Signature(bytes)))
    }

    fn encode_signature(signature: &Sig) -> Vec<u8> {
        signature.0.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        let bytes = bytes.try_into().map_err(|_| "not 32 bytes")?;
        PublicKey::from_bytes(bytes).map_err(|_| "not a key")
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.as_bytes().to_vec()
    }
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub(super) height: Height,
    pub(super) round: mt::Round,
    pub(super) vote_type: mt::VoteType,
    pub(super) value: NilOrVal<Value>,
    pub(super) address: Address,
}

impl mt::Vote<Context> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> mt::Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<Value> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Value> {
        self.value
    }

    fn vote_type(&self) -> mt::VoteType {
        self.vote_type
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<Context>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Context>> {
        None
    }

    fn extend(self, _: SignedExtension<Context>) -> Self {
        self
    }
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) height: Height,
    pub(super) round: mt::Round,
    pub(super) value: Value,
    pub(super) pol_round: mt::Round,
    pub(super) address: Address,
}

impl mt::Proposal<Context> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> mt::Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> mt::Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// Blocks do not travel through the engine, so there are no parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPart;

impl mt::ProposalPart<Context> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// A member of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) position: u16,
    power: u64,
}

impl mt::Validator<Context> for Member {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.address.0
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// A validator set: the ledger's, and its members by key. Cloned freely by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) set: Arc<ValidatorSet>,
    by_key: Arc<[Member]>,
}

impl Members {
    pub(super) fn new(set: Arc<ValidatorSet>) -> Self {
        let mut by_key: Vec<_> = set
            .members()
            .iter()
            .zip(0u16..)
            .map(|(validator, position)| Member {
                address: Address(validator.key),
                position,
                power: validator.power,
            })
            .collect();
        by_key.sort_unstable_by_key(|member| member.address);
        Self {
            set,
            by_key: by_key.into(),
        }
    }

    pub(super) fn member(&self, address: &Address) -> Option<&Member> {
        let found = self
            .by_key
            .binary_search_by(|member| member.address.cmp(address));
        self.by_key.get(found.ok()?)
    }
}

impl mt::ValidatorSet<Context> for Members {
    fn count(&self) -> usize {
        self.by_key.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.set.total_power()
    }

    fn get_by_address(&self, address: &Address) -> Option<&Member> {
        self.member(address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.by_key.get(index)
    }
}

/// Ties the types together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context;

impl mt::Context for Context {
    type Address = Address;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = mt::LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(
        &self,
        members: &'a Members,
        height: Height,
        round: mt::Round,
    ) -> &'a Member {
        let round = round.as_u32().unwrap_or(0);
        let proposer = members.set.proposer(height.0, round);
        members
            .member(&Address(proposer.key))
            .expect("the proposer is a member of its set")
    }

    fn new_proposal(
        &self,
        height: Height,
        round: mt::Round,
        value: Value,
        pol_round: mt::Round,
        address: Address,
    ) -> Proposal {
        Proposal {
            height,
            round,
            value,
            pol_round,
            address,
        }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: mt::Round,
        value: NilOrVal<Value>,
        address: Address,
    ) -> Vote {
        Vote {
            height,
            round,
            vote_type: mt::VoteType::Prevote,
            value,
            address,
        }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: mt::Round,
        value: NilOrVal<Value>,
        address: Address,
    ) -> Vote {
        Vote {
            height,
            round,
            vote_type: mt::VoteType::Precommit,
            value,
            address,
        }
    }
}
