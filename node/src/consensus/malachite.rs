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
//! Values that were decided elsewhere are not fed to the core: a commit certificate proves itself,
//! and the machine around the engine acts on it.

mod certificates;
mod context;
mod convert;
mod handler;

use malachite_consensus as core;
use malachite_consensus::{
    LocallyProposedValue, Params, ProposedValue, ThresholdParams, ValuePayload, process,
};
use malachite_types as mt;
use malachite_types::{SignedMessage, Timeout, Validity, VoteExtensionPolicy};
use starling_ledger::block::BlockHash;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::vote::Round;

use self::certificates::to_malachite;
use self::context::{Address, Context, Height, Members, Sig, Value};
use self::handler::{Handler, Logging};
use super::engine::{Engine, EngineError, EngineSetup, Input, Keys, Output, Step, TimeoutStep};

type CoreInput = core::Input<Context>;

/// The queue of messages of later heights stays empty: admission holds those back.
const QUEUE_HEIGHTS: usize = 1;
const QUEUE_INPUTS: usize = 1;

/// Malachite's core for one height.
struct Malachite {
    state: core::State<Context>,
    members: Members,
    height: Height,
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
        // What was asked for on the way, and is past by the end of the log, need not be built
        // again.
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

fn timeout(step: TimeoutStep, round: Round) -> Timeout {
    let round = mt::Round::new(round);
    match step {
        TimeoutStep::Propose => Timeout::propose(round),
        TimeoutStep::Prevote => Timeout::prevote(round),
        TimeoutStep::Precommit => Timeout::precommit(round),
        TimeoutStep::Rebroadcast => Timeout::rebroadcast(round),
    }
}
