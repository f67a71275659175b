//! What stands between the engine and the key: the memo checks, the guard decides, the signer
//! signs.

use starling_ledger::keys::{Signature, Signer};
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote};

use super::engine::Keys;
use super::guard::{GuardError, GuardState, OwnMessage};
use super::memo::SignatureMemo;

/// Signs and checks for one call of the engine.
pub(super) struct GuardedKeys<'a> {
    pub(super) memo: &'a mut SignatureMemo,
    pub(super) signing: Option<(&'a dyn Signer, &'a mut GuardState)>,
    /// Messages signed during the call, which must be durable before they are seen.
    pub(super) signed: Vec<OwnMessage>,
    /// Why a signature was refused. The engine got one that is worth nothing, and is to be given
    /// up.
    pub(super) refused: Option<GuardError>,
}

/// What a refused request is answered with; nobody ever sees it.
const WORTHLESS: Signature = Signature([0; 64]);

impl GuardedKeys<'_> {
    fn sign(&mut self, wanted: OwnMessage) -> OwnMessage {
        let Some((signer, guard)) = &mut self.signing else {
            self.refused = Some(GuardError::OtherKey);
            return wanted;
        };
        match guard.check(&wanted) {
            Ok(Some(signed)) => {
                // Written again: the guard may know it from a call whose outputs were given up.
                self.signed.push(signed);
                signed
            }
            Err(error) => {
                self.refused = Some(error);
                wanted
            }
            Ok(None) => {
                let genesis = *self.memo.genesis();
                let (message, hash, signature) = match wanted {
                    OwnMessage::Vote(SignedVote { vote, .. }) => {
                        let signed = vote.sign(&genesis, *signer);
                        let hash = vote.sign_hash(&genesis);
                        (OwnMessage::Vote(signed), hash, signed.signature)
                    }
                    OwnMessage::Proposal(SignedProposal { proposal, .. }) => {
                        let signed = proposal.sign(&genesis, *signer);
                        let hash = proposal.sign_hash(&genesis);
                        (OwnMessage::Proposal(signed), hash, signed.signature)
                    }
                };
                self.memo.remember(&hash, &message.key(), &signature);
                if let Err(error) = guard.note(message) {
                    self.refused = Some(error);
                }
                self.signed.push(message);
                message
            }
        }
    }
}

impl Keys for GuardedKeys<'_> {
    fn check_vote(&mut self, vote: &SignedVote) -> bool {
        self.memo.vote(vote)
    }

    fn check_proposal(&mut self, proposal: &SignedProposal) -> bool {
        self.memo.proposal(proposal)
    }

    fn sign_vote(&mut self, vote: Vote) -> SignedVote {
        let unsigned = SignedVote {
            vote,
            signature: WORTHLESS,
        };
        match self.sign(OwnMessage::Vote(unsigned)) {
            OwnMessage::Vote(signed) => signed,
            OwnMessage::Proposal(_) => unsigned,
        }
    }

    fn sign_proposal(&mut self, proposal: Proposal) -> SignedProposal {
        let unsigned = SignedProposal {
            proposal,
            signature: WORTHLESS,
        };
        match self.sign(OwnMessage::Proposal(unsigned)) {
            OwnMessage::Proposal(signed) => signed,
            OwnMessage::Vote(_) => unsigned,
        }
    }
}
