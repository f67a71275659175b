//! Events as lines of the log: one line per block at info; above it what a validator's operator has
//! to know, the rest below.

use crate::consensus::{ConsensusEvent, SpectatorReason};
use crate::core::{Event, StateNews};

/// Writes an event to the log.
pub(super) fn trace(event: &Event) {
    match event {
        Event::Final {
            height,
            block,
            transactions,
            signed,
            validators,
            synced,
            ..
        } => {
            let transactions = transactions.len();
            tracing::info!(height, %block, transactions, signed, validators, synced, "block final");
        }
        Event::Restored(report) => tracing::info!("{report}"),
        Event::Note(text) => tracing::info!("{text}"),
        Event::Warning(text) => tracing::warn!("{text}"),
        Event::State(StateNews::Entered(state)) => {
            tracing::warn!(state = %state.word, "{state}");
        }
        Event::State(StateNews::Over { word, now }) => {
            tracing::info!(state = %now, "{word} is over: {now}");
        }
        Event::Consensus(step) => consensus(step),
        Event::Accepted(id) => tracing::debug!(%id, "transaction accepted"),
        Event::Left(left) => tracing::debug!(id = %left.id, why = %left.why, "transaction left"),
        Event::Proposed {
            height,
            round,
            block,
            transactions,
            ..
        } => {
            let transactions = transactions.len();
            tracing::debug!(height, round, %block, transactions, "valid proposal");
        }
        Event::Gossiped {
            id,
            sent_to,
            neighbours,
        } => {
            tracing::debug!(%id, sent_to, neighbours, "transaction sent on");
        }
    }
}

fn consensus(step: &ConsensusEvent) {
    match step {
        ConsensusEvent::Watching { doubt } => tracing::warn!(
            reason = doubt.word(),
            "watching, and signing nothing: {doubt}; --sign-at-once is for who knows that no other \
             copy of this validator runs or has run since"
        ),
        ConsensusEvent::SigningAgain => tracing::info!("the watch is over: signing from now on"),
        ConsensusEvent::SecondProcess { instance } => tracing::warn!(
            instance,
            "another process runs with this validator's key: stop one of them"
        ),
        ConsensusEvent::StoodStill => tracing::warn!(
            "this process stood still: it signs nothing before the other validators have answered"
        ),
        ConsensusEvent::RollComplete { height } => {
            tracing::info!(height, "enough of the other validators have answered");
        }
        ConsensusEvent::Excluded => tracing::error!(
            "this validator's key signed two values for one step: it is punished, and never votes \
             again"
        ),
        ConsensusEvent::Offence(evidence) => tracing::warn!(
            height = evidence.height(),
            key = %evidence.key(),
            "a validator signed two values for one step"
        ),
        ConsensusEvent::Spectating { height, reason } if *reason != SpectatorReason::Watching => {
            tracing::warn!(height, ?reason, "signing nothing at this height");
        }
        step => tracing::debug!(?step, "consensus"),
    }
}
