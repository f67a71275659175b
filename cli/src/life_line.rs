//! The life line of a transaction: accepted, gossiped, proposed, final, each shown once; or that a
//! node let go of it, and why.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::json;
use starling_ledger::transaction::TransactionId;

use crate::amount::Unit;
use crate::command::status::quorum;
use crate::duration;
use crate::names::Names;
use crate::output::Output;
use crate::quorum::clock;
use crate::rpc::events::{Event, TransactionEvent};
use crate::rpc::reply;

/// What was seen of one transaction, and when.
#[derive(Debug)]
pub(crate) struct LifeLine {
    output: Output,
    unit: Unit,
    /// When it was signed.
    started: Instant,
    shown: BTreeSet<&'static str>,
    stages_ms: Vec<(&'static str, u64)>,
    /// States of the node that were shown.
    waits_for: BTreeSet<String>,
    /// Why a node let go of it, if one did.
    pub(crate) left: Option<String>,
}

impl LifeLine {
    /// Starts the clock.
    pub(crate) fn new(output: Output, unit: &Unit) -> Self {
        Self {
            output,
            unit: unit.clone(),
            started: Instant::now(),
            shown: BTreeSet::new(),
            stages_ms: Vec::new(),
            waits_for: BTreeSet::new(),
            left: None,
        }
    }

    /// Begins anew: the transaction was signed again.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.output, &self.unit.clone());
    }

    /// Returns how long ago it was signed, milliseconds.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        duration::as_ms(self.started.elapsed())
    }

    /// Shows a stage, the first time it is reached.
    pub(crate) fn stage(&mut self, name: &'static str, detail: &str) {
        if !self.shown.insert(name) {
            return;
        }
        let ms = self.elapsed_ms();
        self.stages_ms.push((name, ms));
        if !self.output.is_json() {
            let line = format!("  {name:8} {ms:>5} ms   {detail}");
            self.output.note(line.trim_end());
        }
    }

    /// Returns the stages reached, with milliseconds since the signing.
    pub(crate) fn stages(&self) -> serde_json::Value {
        let stages = self.stages_ms.iter();
        stages
            .map(|(name, ms)| ((*name).to_owned(), json!(ms)))
            .collect()
    }

    /// Shows what an event tells of the transaction `id`; says whether it may have come to its end.
    pub(crate) fn hear(&mut self, event: &Event, id: &TransactionId, names: &Names) -> bool {
        let id = id.to_string();
        match event {
            Event::Transaction(event) if event.id == id => self.show(event, names),
            Event::Block(block) => block.transactions.contains(&id),
            _ => false,
        }
    }

    fn show(&mut self, event: &TransactionEvent, names: &Names) -> bool {
        match event.stage.as_str() {
            "gossiped" => {
                let detail = match (event.sent_to, event.neighbours) {
                    (Some(sent), Some(all)) => format!("sent to {sent} of {all} neighbours"),
                    (Some(sent), None) => format!("sent to {sent} neighbours"),
                    _ => String::new(),
                };
                self.stage("gossiped", &detail);
            }
            "proposed" => {
                let block = event.height.map(|height| format!("block {height}"));
                let proposer = event.proposer.as_ref();
                let proposer =
                    proposer.map(|address| format!(" by {}", names.show_address(address)));
                let detail = block.unwrap_or_default() + &proposer.unwrap_or_default();
                self.stage("proposed", &detail);
            }
            "left" => {
                let reason = event.reason.as_deref().unwrap_or_default();
                let reason = self.unit.speak(reason);
                self.stage("left", &reason);
                self.left = Some(reason);
                return true;
            }
            "final" => return true,
            _ => {}
        }
        false
    }

    /// Shows why there is no block, once for each state of the node.
    pub(crate) fn waits(&mut self, status: &reply::Status, names: &Names) {
        let state = status.state();
        if !state.ready && !state.is_running() && self.waits_for.insert(state.word.clone()) {
            self.shown.remove("waiting");
            self.stage("waiting", &waiting_words(status, names));
        }
    }
}

/// Says why there is no block: the network stands still, or this node is no part of it.
pub(crate) fn waiting_words(status: &reply::Status, names: &Names) -> String {
    match status.consensus.halted {
        true => halt_words(status, names),
        false => status.state().words(),
    }
}

fn halt_words(status: &reply::Status, names: &Names) -> String {
    let quorum = quorum(status, names);
    let since = status.consensus.halted_since_ms;
    let since = since.map_or(String::new(), |ms| format!(" since {}", clock(ms)));
    format!(
        "NETWORK HALTED{since} ({} of voting power; silent: {})",
        quorum.share(),
        quorum.absent().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use starling_ledger::address::NetworkKind;
    use starling_ledger::hash::Hash;

    use super::*;
    use crate::args::Cli;
    use crate::context::Context;

    fn names() -> Names {
        let line = ["starling", "--data-dir", "/nowhere", "status"];
        let context = Context {
            global: Cli::try_parse_from(line).unwrap().global,
            output: Output::unparsed(true),
        };
        context.names_for(NetworkKind::Local).unwrap()
    }

    #[test]
    fn what_a_node_lets_go_of_is_looked_for_and_why_is_kept() {
        let id = TransactionId(Hash([7; 32]));
        let left = |id: &TransactionId| {
            Event::Transaction(TransactionEvent {
                id: id.to_string(),
                stage: "left".to_owned(),
                reason: Some("it no longer applies".to_owned()),
                ..TransactionEvent::default()
            })
        };
        let star = Unit {
            symbol: "STAR".to_owned(),
            decimals: 6,
        };
        let mut line = LifeLine::new(Output::unparsed(true), &star);
        let names = names();
        assert!(!line.hear(&left(&TransactionId(Hash::ZERO)), &id, &names));
        assert_eq!(line.left, None);
        assert!(line.hear(&left(&id), &id, &names));
        assert_eq!(line.left.as_deref(), Some("it no longer applies"));
        let stages = line.stages();
        assert!(stages["left"].is_number(), "{stages}");
    }
}
