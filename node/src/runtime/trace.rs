//! Events as lines of the log: one line per block at info, the rest below.

use crate::core::Event;

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
        Event::Note(text) => tracing::info!("{text}"),
        Event::Warning(text) => tracing::warn!("{text}"),
        Event::Consensus(step) => tracing::debug!(?step, "consensus"),
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
