//! The answers to Malachite's effects.

use malachite_consensus as core;
use malachite_consensus::{
    ConsensusMsg, Effect, LivenessMsg, Resumable, Resume, SignedConsensusMsg,
};
use malachite_types as mt;
use malachite_types::{SignedMessage, Timeout, TimeoutKind};
use starling_gossip::message::ConsensusMessage;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Round, SignedProposal};

use super::certificates::{self, Need, check, from_malachite};
use super::context::{self, Context, Members, Sig};
use crate::consensus::engine::{Input, Keys, Output, TimeoutStep};

type CoreInput = core::Input<Context>;
type CoreProposal = SignedMessage<Context, context::Proposal>;

/// Answers effects: the keys, and where outputs go.
pub(super) struct Handler<'a> {
    pub(super) members: &'a Members,
    pub(super) keys: &'a mut dyn Keys,
    pub(super) out: &'a mut Vec<Output>,
    pub(super) log: Logging<'a>,
}

/// What becomes of the core's wish to log an input.
pub(super) enum Logging<'a> {
    /// It is logged.
    All,
    /// The log is being replayed: only messages of the own key that it does not hold yet.
    New(&'a [Input], PublicKey),
}

impl Handler<'_> {
    /// Answers one effect; nothing in here can fail.
    pub(super) fn answer(&mut self, effect: Effect<Context>) -> Resume<Context> {
        match effect {
            Effect::SignVote(vote, resume) => {
                let signed = self.keys.sign_vote((&vote).into());
                resume.resume_with(SignedMessage::new(vote, Sig(signed.signature)))
            }
            Effect::SignProposal(proposal, resume) => {
                let signed = self.keys.sign_proposal((&proposal).into());
                resume.resume_with(SignedMessage::new(proposal, Sig(signed.signature)))
            }
            Effect::VerifySignature(message, _, resume) => {
                let signature = message.signature;
                resume.resume_with(match message.message {
                    ConsensusMsg::Vote(vote) => self
                        .keys
                        .check_vote(&from_malachite(&SignedMessage::new(vote, signature))),
                    ConsensusMsg::Proposal(proposal) => {
                        let proposal = SignedMessage::new(proposal, signature);
                        self.keys.check_proposal(&read_proposal(&proposal))
                    }
                })
            }
            Effect::VerifyCommitCertificate(certificate, members, _, resume) => {
                let certificate = core_commit_votes(&certificate);
                let votes = certificate.into_iter();
                resume.resume_with(check(votes, &members, Need::Quorum, self.keys))
            }
            Effect::VerifyPolkaCertificate(certificate, members, _, resume) => {
                let votes = certificate.votes(&Context);
                resume.resume_with(check(votes, &members, Need::Quorum, self.keys))
            }
            Effect::VerifyRoundCertificate(certificate, members, _, resume) => {
                let need = match certificate.cert_type {
                    mt::RoundCertificateType::Precommit => Need::Quorum,
                    mt::RoundCertificateType::Skip => Need::OneHonest,
                };
                let votes = certificate.votes(&Context);
                resume.resume_with(check(votes, &members, need, self.keys))
            }
            other => self.emit(other),
        }
    }

    /// Handles the effects that expect nothing but to go on.
    fn emit(&mut self, effect: Effect<Context>) -> Resume<Context> {
        let resume = match effect {
            Effect::CancelAllTimeouts(resume) => {
                self.out.push(Output::CancelAll);
                resume
            }
            Effect::CancelTimeout(which, resume) => {
                self.timer(which, Output::Cancel);
                resume
            }
            Effect::ScheduleTimeout(which, resume) => {
                self.timer(which, Output::Schedule);
                resume
            }
            Effect::StartRound(_, round, _, _, resume) => {
                let round = round.as_u32().unwrap_or(0);
                self.out.push(Output::RoundStarted(round));
                resume
            }
            Effect::PublishConsensusMsg(message, resume) => {
                self.publish(match &message {
                    SignedConsensusMsg::Vote(vote) => ConsensusMessage::Vote(from_malachite(vote)),
                    SignedConsensusMsg::Proposal(proposal) => {
                        ConsensusMessage::Proposal(read_proposal(proposal))
                    }
                });
                resume
            }
            Effect::PublishLivenessMsg(message, resume) => {
                self.publish_liveness(&message);
                resume
            }
            Effect::RepublishVote(vote, resume) => {
                self.publish(ConsensusMessage::Vote(from_malachite(&vote)));
                resume
            }
            Effect::RepublishRoundCertificate(certificate, resume) => {
                self.publish_liveness(&LivenessMsg::SkipRoundCertificate(certificate));
                resume
            }
            Effect::GetValue(_, round, _, resume) => {
                let round = round.as_u32().unwrap_or(0);
                self.out.push(Output::BuildBlock(round));
                resume
            }
            Effect::RestreamProposal(_, _, _, _, value, resume) => {
                self.out.push(Output::Restream(value.0));
                resume
            }
            Effect::WalAppend(_, input, resume) => {
                self.log(&input);
                resume
            }
            Effect::Finalize(certificate, _, _, resume) => {
                let certificate = certificates::commit(&certificate, self.members);
                self.out.push(Output::Decided(certificate));
                resume
            }
            // The height ends with `Finalize`, which follows at once. The rest belongs to features
            // that are off: synced values, and vote extensions.
            _ => return self.unused(effect),
        };
        resume.resume_with(())
    }

    fn unused(&self, effect: Effect<Context>) -> Resume<Context> {
        match effect {
            Effect::Decide(_, _, resume)
            | Effect::CertVerifiedSyncValue(_, _, resume)
            | Effect::CertRejectedSyncValue(_, _, _, resume) => resume.resume_with(()),
            Effect::VerifyExtendedCommitCertificate(_, _, _, _, resume) => {
                resume.resume_with(Err(mt::CertificateError::VerificationError(None)))
            }
            Effect::ExtendVote(_, _, _, _, resume) => resume.resume_with(None),
            Effect::VerifyVoteExtension(_, _, _, _, _, _, resume) => {
                resume.resume_with(Err(core::VoteExtensionError::InvalidVoteExtension))
            }
            _ => Resume::Continue,
        }
    }

    fn publish(&mut self, message: ConsensusMessage) {
        self.out.push(Output::Publish(message));
    }

    fn publish_liveness(&mut self, message: &LivenessMsg<Context>) {
        let message = match message {
            LivenessMsg::Vote(vote) => ConsensusMessage::Vote(from_malachite(vote)),
            LivenessMsg::PolkaCertificate(polka) => {
                ConsensusMessage::Polka(certificates::polka(polka, self.members))
            }
            LivenessMsg::SkipRoundCertificate(skip) => {
                ConsensusMessage::RoundSkip(certificates::round_skip(skip, self.members))
            }
        };
        self.publish(message);
    }

    fn timer(&mut self, which: Timeout, output: fn(TimeoutStep, Round) -> Output) {
        let step = match which.kind {
            TimeoutKind::Propose => TimeoutStep::Propose,
            TimeoutKind::Prevote => TimeoutStep::Prevote,
            TimeoutKind::Precommit => TimeoutStep::Precommit,
            TimeoutKind::Rebroadcast => TimeoutStep::Rebroadcast,
            // Only scheduled where a target time is given.
            TimeoutKind::FinalizeHeight(_) => return,
        };
        let round = which.round.as_u32().unwrap_or(0);
        self.out.push(output(step, round));
    }

    fn log(&mut self, input: &CoreInput) {
        let Some(input) = self.read_input(input) else {
            return;
        };
        let wanted = match self.log {
            Logging::All => true,
            Logging::New(replayed, key) => match &input {
                Input::Vote(vote) => vote.vote.validator == key && !replayed.contains(&input),
                Input::Proposal(proposal) => {
                    proposal.proposal.proposer == key && !replayed.contains(&input)
                }
                _ => false,
            },
        };
        if wanted {
            self.out.push(Output::Log(input));
        }
    }

    fn read_input(&self, input: &CoreInput) -> Option<Input> {
        Some(match input {
            CoreInput::Vote(vote) => Input::Vote(from_malachite(vote)),
            CoreInput::Proposal(proposal) => Input::Proposal(read_proposal(proposal)),
            CoreInput::ProposedValue(value, _) => Input::Value {
                round: value.round.as_u32().unwrap_or(0),
                block: value.value.0,
                valid: value.validity.is_valid(),
            },
            CoreInput::TimeoutElapsed(timeout) => {
                let step = match timeout.kind {
                    TimeoutKind::Propose => TimeoutStep::Propose,
                    TimeoutKind::Prevote => TimeoutStep::Prevote,
                    TimeoutKind::Precommit => TimeoutStep::Precommit,
                    _ => return None,
                };
                Input::Timeout(step, timeout.round.as_u32()?)
            }
            CoreInput::PolkaCertificate(polka) => {
                Input::Polka(certificates::polka(polka, self.members))
            }
            _ => return None,
        })
    }
}

fn read_proposal(proposal: &CoreProposal) -> SignedProposal {
    SignedProposal {
        proposal: (&proposal.message).into(),
        signature: proposal.signature.0,
    }
}

fn core_commit_votes(
    certificate: &mt::CommitCertificate<Context>,
) -> Vec<SignedMessage<Context, context::Vote>> {
    let precommit = |entry: &mt::CommitSignature<Context>| {
        let vote = mt::Context::new_precommit(
            &Context,
            certificate.height,
            certificate.round,
            mt::NilOrVal::Val(certificate.value_id),
            entry.address,
        );
        SignedMessage::new(vote, entry.signature)
    };
    certificate
        .commit_signatures
        .iter()
        .map(precommit)
        .collect()
}
