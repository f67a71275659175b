//! O7: no honest key signs two values for one height, round and step. All frames are watched, over
//! all lives of a node.

use std::collections::{BTreeMap, BTreeSet};

use starling_gossip::message::{ConsensusFrame, ConsensusMessage};
use starling_ledger::block::BlockHash;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Height, Round, VoteType};

use super::Breach;

/// What was signed so far.
pub struct Signing {
    honest: BTreeSet<PublicKey>,
    /// Hashes of the frames seen, so that each is decoded once.
    seen: BTreeSet<[u8; 32]>,
    signed: BTreeMap<(PublicKey, Height, Round, Step), Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Proposal,
    Prevote,
    Precommit,
}

/// The value, and of a proposal the round of its proof of lock.
type Value = (Option<BlockHash>, Option<Round>);

impl Signing {
    /// Watches the keys `honest`.
    #[must_use]
    pub fn new(honest: Vec<PublicKey>) -> Self {
        let honest = honest.into_iter().collect();
        Self {
            honest,
            seen: BTreeSet::new(),
            signed: BTreeMap::new(),
        }
    }

    /// Judges a frame of the consensus lane that leaves a node.
    ///
    /// # Errors
    /// The two values that one key signed, or what is no frame.
    pub fn frame(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        if !self.seen.insert(*blake3::hash(bytes).as_bytes()) {
            return Ok(());
        }
        let frame = ConsensusFrame::decode(bytes);
        let frame = frame.map_err(|error| Breach::new("O9", format!("a node sends {error}")))?;
        let (place, value) = match frame {
            Some(ConsensusFrame::Message(ConsensusMessage::Vote(signed))) => {
                let vote = signed.vote;
                let step = match vote.vote_type {
                    VoteType::Prevote => Step::Prevote,
                    VoteType::Precommit => Step::Precommit,
                };
                (
                    (vote.validator, vote.height, vote.round, step),
                    (vote.block, None),
                )
            }
            Some(ConsensusFrame::Message(ConsensusMessage::Proposal(signed))) => {
                let proposal = signed.proposal;
                let place = (
                    proposal.proposer,
                    proposal.height,
                    proposal.round,
                    Step::Proposal,
                );
                (place, (Some(proposal.block), proposal.pol_round))
            }
            _ => return Ok(()),
        };
        let known = *self.signed.entry(place).or_insert(value);
        if known != value && self.honest.contains(&place.0) {
            let (key, height, round, step) = place;
            let what = format!("{key} signed {known:?} and {value:?}: {step:?} {height}/{round}");
            return Err(Breach::new("O7", what));
        }
        Ok(())
    }

    /// Says whether somebody has voted for a proposal of `key` for `height`.
    #[must_use]
    pub fn has_followers(&self, key: &PublicKey, height: Height) -> bool {
        self.signed.iter().any(|(place, value)| {
            let (proposer, at, round, step) = *place;
            (proposer, at, step) == (*key, height, Step::Proposal)
                && self
                    .signed
                    .iter()
                    .any(|((voter, at, in_round, step), vote)| {
                        voter != key
                            && (*at, *in_round, *step) == (height, round, Step::Prevote)
                            && vote.0 == value.0
                    })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::hash::Hash;
    use starling_ledger::keys::{SecretKey, Signer as _};
    use starling_ledger::vote::Vote;

    fn prevote(block: Option<BlockHash>) -> Vec<u8> {
        let key = SecretKey::local("watched");
        let vote_type = VoteType::Prevote;
        let vote = Vote {
            vote_type,
            height: 1,
            round: 0,
            block,
            validator: key.public_key(),
        };
        let message = ConsensusMessage::Vote(vote.sign(&Hash::ZERO, &key));
        ConsensusFrame::Message(message).encode().to_vec()
    }

    #[test]
    fn an_honest_key_may_repeat_itself_but_not_contradict_itself() {
        let mut signing = Signing::new(vec![SecretKey::local("watched").public_key()]);
        assert_eq!(signing.frame(&prevote(None)), Ok(()));
        assert_eq!(signing.frame(&prevote(None)), Ok(()));
        let other = prevote(Some(BlockHash(Hash([1; 32]))));
        assert_eq!(
            signing.frame(&other).map_err(|breach| breach.oracle),
            Err("O7")
        );
    }
}
