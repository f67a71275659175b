//! The memo of checked signatures: each is checked once, and remembered by content.
//!
//! The key is (what is signed, public key, signature), hashed: a swapped signature is a different
//! thing. A miss is checked on the spot; nothing is ever answered by default.
//!
//! # Limits
//! [`MAX_MEMO`] entries of 33 bytes and the map's overhead: about 2 MiB. The oldest half goes
//! first.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_gossip::message::{OwnMessage, RollMessage};
use starling_ledger::evidence::{Evidence, EvidenceError};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{PublicKey, Signature, SignatureScheme};
use starling_ledger::vote::{SignedProposal, SignedVote};

/// Most entries of a generation. The votes of 10 rounds of 1,000 validators.
pub const MAX_MEMO: usize = 20_000;

/// Checks signatures, and remembers the verdicts.
pub struct SignatureMemo {
    scheme: Arc<dyn SignatureScheme>,
    genesis: Hash,
    young: BTreeMap<Hash, bool>,
    old: BTreeMap<Hash, bool>,
    checked: u64,
}

impl SignatureMemo {
    /// Makes an empty memo for the network of `genesis`.
    pub fn new(scheme: Arc<dyn SignatureScheme>, genesis: Hash) -> Self {
        Self {
            scheme,
            genesis,
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            checked: 0,
        }
    }

    /// Returns the network.
    pub const fn genesis(&self) -> &Hash {
        &self.genesis
    }

    /// Returns how many signatures were really checked.
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// Says whether a vote's signature is right.
    pub fn vote(&mut self, signed: &SignedVote) -> bool {
        let message = signed.vote.sign_hash(&self.genesis);
        self.check(message, &signed.vote.validator, &signed.signature)
    }

    /// Says whether a proposal's signature is right.
    pub fn proposal(&mut self, signed: &SignedProposal) -> bool {
        let message = signed.proposal.sign_hash(&self.genesis);
        self.check(message, &signed.proposal.proposer, &signed.signature)
    }

    /// Says whether the signature of a vote or proposal is right.
    pub fn own(&mut self, message: &OwnMessage) -> bool {
        match message {
            OwnMessage::Vote(vote) => self.vote(vote),
            OwnMessage::Proposal(proposal) => self.proposal(proposal),
        }
    }

    /// Says whether the signature of a call or an answer is right.
    pub fn roll(&mut self, message: &RollMessage) -> bool {
        let (hash, key, signature) = match message {
            RollMessage::Call(call, signature) => {
                (call.sign_hash(&self.genesis), call.validator, signature)
            }
            RollMessage::Answer(answer, signature) => {
                (answer.sign_hash(&self.genesis), answer.validator, signature)
            }
        };
        self.check(hash, &key, signature)
    }

    /// Says whether both messages of a piece of evidence are signed and contradict each other. It
    /// is looked at once for each offender, so nothing of it is remembered.
    ///
    /// # Errors
    /// [`EvidenceError`] names the rule it breaks.
    pub fn evidence(&self, evidence: &Evidence) -> Result<(), EvidenceError> {
        evidence.verify(self.scheme.as_ref(), &self.genesis)
    }

    /// Takes note of a verdict that was reached elsewhere: by the worker pool, or by signing.
    pub fn remember(&mut self, message: &Hash, key: &PublicKey, signature: &Signature) {
        self.insert(place(message, key, signature), true);
    }

    fn check(&mut self, message: Hash, key: &PublicKey, signature: &Signature) -> bool {
        let place = place(&message, key, signature);
        let known = self.young.get(&place).or_else(|| self.old.get(&place));
        if let Some(verdict) = known {
            return *verdict;
        }
        self.checked += 1;
        let verdict = self.scheme.verify(key, &message.0, signature);
        self.insert(place, verdict);
        verdict
    }

    fn insert(&mut self, place: Hash, verdict: bool) {
        if self.young.len() >= MAX_MEMO {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(place, verdict);
    }
}

fn place(message: &Hash, key: &PublicKey, signature: &Signature) -> Hash {
    // All parts have a fixed length. The memo never leaves the process, so any context would do.
    Hash::of(Context::Vote, &[&message.0, key.as_bytes(), &signature.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
    use starling_ledger::vote::{Vote, VoteType};

    #[test]
    fn checks_a_signature_once_and_a_swapped_one_again() {
        let mut memo = SignatureMemo::new(Arc::new(Ed25519), Hash::ZERO);
        let key = SecretKey::local("memo");
        let vote = Vote {
            vote_type: VoteType::Prevote,
            height: 1,
            round: 0,
            block: None,
            validator: key.public_key(),
        };
        let mut signed = vote.sign(&Hash::ZERO, &key);
        assert!(memo.vote(&signed) && memo.vote(&signed));
        assert_eq!(memo.checked(), 1);
        signed.signature.0[0] ^= 1;
        assert!(!memo.vote(&signed) && !memo.vote(&signed));
        assert_eq!(memo.checked(), 2);
    }

    #[test]
    fn stays_within_its_bound() {
        let mut memo = SignatureMemo::new(Arc::new(Ed25519), Hash::ZERO);
        let key = SecretKey::local("memo").public_key();
        for count in 0..3 * MAX_MEMO as u64 {
            let mut message = Hash::ZERO;
            message.0[..8].copy_from_slice(&count.to_le_bytes());
            memo.remember(&message, &key, &Signature([0; 64]));
        }
        assert!(memo.young.len() + memo.old.len() <= 2 * MAX_MEMO);
    }
}
