//! The engine of the product: Malachite's `core-consensus`, resumed synchronously.
//!
//! Malachite is Tendermint as a coroutine: an input goes in, effects come out, and each effect is
//! answered on the spot. Here an effect becomes an [`Output`], or is answered through [`Keys`]; no
//! handler can fail, because a failure would leave an input half processed. No target time is ever
//! given, so the core reads no clock for its decisions.
//!
//! # Source
//! `arc-malachitebft-core-consensus` 0.8.2; Buchman, Kwon, Milosevic: "The latest gossip on BFT
//! consensus" (2018), algorithm 1.
//!
//! # Deviations
//! Values that were decided elsewhere are not fed to the core: a commit certificate proves itself, and
//! the machine around the engine acts on it.

mod certificates;
mod context;

use malachite_consensus as core;
use malachite_consensus::{
    ConsensusMsg, Effect, LivenessMsg, LocallyProposedValue, Params, ProposedValue, Resumable,
    Resume, SignedConsensusMsg, ThresholdParams, ValuePayload, process,
};
use malachite_types as mt;
use malachite_types::{SignedMessage, Timeout, TimeoutKind, Validity, VoteExtensionPolicy};
use starling_gossip::message::ConsensusMessage;
use starling_ledger::block::BlockHash;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};
use starling_ledger::vote::{Round, SignedProposal};

use self::certificates::{Need, check, from_malachite, to_malachite};
use self::context::{Address, Context, Height, Members, Sig, Value};
use super::engine::{Engine, EngineError, EngineSetup, Input, Keys, Output, Step, TimeoutStep};

type CoreInput = core::Input<Context>;
type CoreProposal = SignedMessage<Context, context::Proposal>;

/// The queue of messages of later heights stays empty: admission holds those back.
const QUEUE_HEIGHTS: usize = 1;
const QUEUE_INPUTS: usize = 1;

/// Malachite's core for one height.
struct Malachite {
    state: core::State<Context>,
    members: Members,
    height: Height,
}

/// Answers effects: the keys, and where outputs go.
struct Handler<'a> {
    members: &'a Members,
    keys: &'a mut dyn Keys,
    out: &'a mut Vec<Output>,
    log: Logging<'a>,
}

/// What becomes of the core's wish to log an input.
enum Logging<'a> {
    /// It is logged.
    All,
    /// The log is being replayed: only messages of the own key that it does not hold yet.
    New(&'a [Input], PublicKey),
}

/// Makes an engine around Malachite's core.
pub fn new_engine(setup: EngineSetup) -> Box<dyn Engine> {
    let members = Members::new(setup.validators);
    let height = Height(setup.height);
    // Whoever may not sign gets an address that is never consulted, for the core wants one.
    let key = setup
        .key
        .unwrap_or_else(|| SecretKey::local("nobody").public_key());
    let params = Params {
        address: Address(key),
        threshold_params: ThresholdParams::default(),
        value_payload: ValuePayload::ProposalAndParts,
        enabled: setup.key.is_some(),
    };
    let state = core::State::new(
        Context,
        height,
        members.clone(),
        params,
        QUEUE_HEIGHTS,
        QUEUE_INPUTS,
    );
    Box::new(Malachite {
        state,
        members,
        height,
    })
}

impl Malachite {
    fn process(&mut self, input: CoreInput, handler: &mut Handler<'_>) -> Result<(), EngineError> {
        let result: Result<(), core::Error<Context>> = process!(
            input: input,
            state: &mut self.state,
            metrics: &(),
            with: effect => Ok::<_, EngineError>(handler.answer(effect))
        );
        result.map_err(|error| match error {
            core::Error::ReplayDivergence(..) => EngineError::Diverged(error.to_string()),
            _ => EngineError::Failed(error.to_string()),
        })
    }

    fn core_input(&self, input: Input) -> CoreInput {
        match input {
            Input::Vote(vote) => CoreInput::Vote(to_malachite(&vote)),
            Input::Proposal(proposal) => CoreInput::Proposal(SignedMessage::new(
                (&proposal.proposal).into(),
                Sig(proposal.signature),
            )),
            Input::Value {
                round,
                block,
                valid,
            } => {
                let round = mt::Round::new(round);
                let value = ProposedValue {
                    height: self.height,
                    round,
                    valid_round: mt::Round::Nil,
                    proposer: *self.state.get_proposer(self.height, round),
                    value: Value(block),
                    validity: Validity::from_bool(valid),
                };
                CoreInput::ProposedValue(value, mt::ValueOrigin::Consensus)
            }
            Input::Built { round, block } => CoreInput::Propose(LocallyProposedValue::new(
                self.height,
                mt::Round::new(round),
                Value(block),
            )),
            Input::Timeout(step, round) => CoreInput::TimeoutElapsed(timeout(step, round)),
            Input::Polka(polka) => {
                CoreInput::PolkaCertificate(certificates::read_polka(&polka, &self.members))
            }
            Input::RoundSkip(skip) => {
                CoreInput::RoundCertificate(certificates::read_round_skip(&skip, &self.members))
            }
        }
    }
}

impl Engine for Malachite {
    fn start(
        &mut self,
        log: &[Input],
        keys: &mut dyn Keys,
        out: &mut Vec<Output>,
    ) -> Result<(), EngineError> {
        let members = self.members.clone();
        let replay: Vec<_> = log
            .iter()
            .map(|input| self.core_input(input.clone()))
            .collect();
        let mut handler = Handler {
            members: &members,
            keys,
            out,
            log: Logging::New(log, self.state.address().0),
        };
        let start = CoreInput::StartHeight(
            self.height,
            members.clone(),
            false,
            None,
            VoteExtensionPolicy::Disabled,
        );
        self.process(start, &mut handler)?;
        self.state.index_wal_entries(replay.iter());
        for input in replay {
            self.process(input, &mut handler)?;
        }
        self.state.reset_entries_index();
        // What was asked for on the way, and is past by the end of the log, need not be built again.
        let open = (self.step() == Step::Propose).then(|| self.round());
        out.retain(|output| !matches!(output, Output::BuildBlock(round) if Some(*round) != open));
        Ok(())
    }

    fn feed(
        &mut self,
        input: Input,
        keys: &mut dyn Keys,
        out: &mut Vec<Output>,
    ) -> Result<(), EngineError> {
        let input = self.core_input(input);
        let members = self.members.clone();
        let mut handler = Handler {
            members: &members,
            keys,
            out,
            log: Logging::All,
        };
        self.process(input, &mut handler)
    }

    fn round(&self) -> Round {
        self.state.round().as_u32().unwrap_or(0)
    }

    fn step(&self) -> Step {
        let driver = &self.state.driver;
        if driver.step_is_commit() {
            Step::Commit
        } else if driver.step_is_precommit() {
            Step::Precommit
        } else if driver.step_is_prevote() {
            Step::Prevote
        } else {
            Step::Propose
        }
    }

    fn valid(&self) -> Option<(Round, BlockHash)> {
        let valid = self.state.driver.valid_value()?;
        Some((valid.round.as_u32()?, valid.value.0))
    }
}

impl Handler<'_> {
    fn answer(&mut self, effect: Effect<Context>) -> Resume<Context> {
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
            // The height ends with `Finalize`, which follows at once. The rest belongs to features that
            // are off: synced values, and vote extensions.
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

fn timeout(step: TimeoutStep, round: Round) -> Timeout {
    let round = mt::Round::new(round);
    match step {
        TimeoutStep::Propose => Timeout::propose(round),
        TimeoutStep::Prevote => Timeout::prevote(round),
        TimeoutStep::Precommit => Timeout::precommit(round),
        TimeoutStep::Rebroadcast => Timeout::rebroadcast(round),
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
