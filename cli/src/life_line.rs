//! The life line of a transaction: accepted, gossiped, proposed, final.
//!
//! It follows the node's events, and asks where there are none. It ends when the transaction is
//! final, when it never can be, or when the time is over; then it says which of the three, and
//! why.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use starling_ledger::transaction::TransactionId;

use crate::command::status::quorum;
use crate::context::Node;
use crate::duration;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::Names;
use crate::output::Output;
use crate::quorum::clock;
use crate::rpc::events::{Event, TransactionEvent};
use crate::rpc::reply;

/// How often to ask a node that tells its events, and one that does not.
const ASK_WITH_EVENTS: Duration = Duration::from_millis(500);
const ASK_WITHOUT_EVENTS: Duration = Duration::from_millis(50);
/// How often to ask whether the network stands still.
const ASK_STATUS: Duration = Duration::from_secs(1);

/// Follows one transaction.
pub(crate) struct LifeLine<'session> {
    /// The node that took it.
    pub(crate) node: &'session Node,
    /// How to talk to the user.
    pub(crate) output: Output,
    /// Names of accounts.
    pub(crate) names: &'session Names,
    /// Which transaction.
    pub(crate) id: TransactionId,
    /// After which block time it can no longer be included.
    pub(crate) expires_at_ms: u64,
    /// When it was signed.
    pub(crate) started: Instant,
    /// The node's events, if it tells them.
    pub(crate) events: Option<Receiver<Event>>,
    shown: BTreeSet<&'static str>,
    stages_ms: Vec<(&'static str, u64)>,
}

impl<'session> LifeLine<'session> {
    /// Starts the clock.
    pub(crate) fn new(
        node: &'session Node,
        output: Output,
        names: &'session Names,
        id: TransactionId,
    ) -> Self {
        Self {
            node,
            output,
            names,
            id,
            expires_at_ms: u64::MAX,
            started: Instant::now(),
            events: None,
            shown: BTreeSet::new(),
            stages_ms: Vec::new(),
        }
    }

    /// Shows a stage, the first time it is reached.
    pub(crate) fn stage(&mut self, name: &'static str, detail: &str) {
        if !self.shown.insert(name) {
            return;
        }
        let ms = duration::as_ms(self.started.elapsed());
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

    /// Waits until the transaction is final.
    ///
    /// # Errors
    /// [`Exit::NotFinal`] or [`Exit::Halted`] when the time is over, [`Exit::Rejected`] when it
    /// expired.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Outcome<reply::Transaction> {
        let deadline = Instant::now() + timeout;
        let mut asked = None::<Instant>;
        let mut asked_status = Instant::now();
        loop {
            let interval = match self.events {
                Some(_) => ASK_WITH_EVENTS,
                None => ASK_WITHOUT_EVENTS,
            };
            if asked.is_none_or(|asked| asked.elapsed() >= interval) {
                let told = self.ask()?;
                if told.status == "final" {
                    return Ok(told);
                }
                asked = Some(Instant::now());
            }
            if asked_status.elapsed() >= ASK_STATUS {
                self.look_around()?;
                asked_status = Instant::now();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.out_of_time(timeout)?);
            }
            if self.next_event(left.min(interval)) {
                asked = None;
            }
        }
    }

    /// Takes the next event; says whether the transaction may be final now.
    fn next_event(&mut self, patience: Duration) -> bool {
        let Some(events) = &self.events else {
            thread::sleep(patience);
            return false;
        };
        match events.recv_timeout(patience) {
            Ok(Event::Transaction(event)) if event.id == self.id.to_string() => self.show(&event),
            Ok(Event::Block(block)) => block.transactions.contains(&self.id.to_string()),
            Ok(_) | Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                self.events = None;
                false
            }
        }
    }

    fn show(&mut self, event: &TransactionEvent) -> bool {
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
                    proposer.map(|address| format!(" by {}", self.names.show_address(address)));
                let detail = block.unwrap_or_default() + &proposer.unwrap_or_default();
                self.stage("proposed", &detail);
            }
            "final" => return true,
            _ => {}
        }
        false
    }

    fn ask(&self) -> Outcome<reply::Transaction> {
        let parameters = json!({"id": self.id.to_string()});
        self.node.rpc.typed("transaction", &parameters)
    }

    /// Looks whether the transaction can still become final.
    fn look_around(&mut self) -> Outcome {
        let status = self.node.rpc.status()?;
        if status.head_time_ms > self.expires_at_ms && self.ask()?.status == "unknown" {
            let message = "expired: no block took it in time, and none can take it any more";
            return Err(CliError::new(Exit::Rejected, message)
                .code("expired")
                .next("send it again; nothing was paid"));
        }
        if status.consensus.halted {
            let halt = self.halt(&status);
            self.stage("waiting", &halt);
        }
        Ok(())
    }

    fn out_of_time(&self, timeout: Duration) -> Outcome<CliError> {
        let status = self.node.rpc.status()?;
        let left_s = self.expires_at_ms.saturating_sub(status.head_time_ms) / 1_000;
        let show = format!("starling tx show {}", self.id);
        if status.consensus.halted {
            let message = format!(
                "accepted by {}, waiting: {}; it stays valid for {left_s} s of block time and will \
                 be final when validators return",
                self.node.name,
                self.halt(&status)
            );
            return Ok(CliError::new(Exit::Halted, message).next(show));
        }
        let message = format!(
            "not final yet after {}: it may still become final, for {left_s} s of block time; \
             do not pay again",
            duration::show(timeout)
        );
        Ok(CliError::new(Exit::NotFinal, message).next(show))
    }

    fn halt(&self, status: &reply::Status) -> String {
        let quorum = quorum(status, self.names);
        let since = status.consensus.halted_since_ms;
        let since = since.map_or(String::new(), |ms| format!(" since {}", clock(ms)));
        format!(
            "NETWORK HALTED{since} ({} of voting power; silent: {})",
            quorum.share(),
            quorum.absent().join(", ")
        )
    }
}
