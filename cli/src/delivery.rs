//! Bringing a transaction to the ledger: its id first, then its life line, then proof.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use starling_ledger::authority::Authority;
use starling_ledger::transaction::TransactionId;

use crate::command::account::{Holding, verified_words};
use crate::desk::Desk;
use crate::duration;
use crate::errand::{Arrival, Errand, farewell};
use crate::error::{CliError, Outcome};
use crate::interrupt::Farewell;
use crate::life_line::LifeLine;
use crate::order::Order;
use crate::output::{Output, Tone};
use crate::rpc::reply;
use crate::testnet::birth::now_ms;
use crate::verify::{VerifiedHeader, Verifier};

/// Most transactions of one sender under way: half of the 64 nonces that a mempool holds back.
const IN_FLIGHT_MAX: usize = 32;

/// A transaction that is final.
#[derive(Debug)]
pub(crate) struct Done {
    /// What it says.
    pub(crate) order: Order,
    /// Its id.
    pub(crate) id: TransactionId,
    /// What the node said, and the header of its block.
    pub(crate) arrival: Arrival,
    /// The sender afterwards, if a node tells it.
    pub(crate) from: Option<Holding>,
    /// From the signing to the certainty.
    pub(crate) latency_ms: u64,
    /// When each stage was reached.
    pub(crate) stages: Value,
}

impl Desk<'_> {
    /// Signs and sends `order`, and waits until it is final and the sender's account tells it;
    /// `what` is the order in a few words.
    ///
    /// # Errors
    /// [`Exit::Rejected`](crate::exit::Exit::Rejected),
    /// [`Exit::NotFinal`](crate::exit::Exit::NotFinal),
    /// [`Exit::Halted`](crate::exit::Exit::Halted),
    /// [`Exit::Verification`](crate::exit::Exit::Verification); each names the transaction.
    pub(crate) fn deliver(&mut self, mut order: Order, what: &str) -> Outcome<Done> {
        self.listen();
        let line = LifeLine::new(self.context.output, &self.network.unit);
        self.sign(std::slice::from_mut(&mut order))?;
        let (id, _) = order.signed()?;
        let farewell = Farewell::begin(self.context.output, farewell(id))?;
        self.announce(&order, id, what);
        let errand = Errand::new(order, self.context.output, line);
        let mut errand = errand.with_farewell(farewell);
        errand.line.restart();
        errand.line.stage("signed", "");
        self.complete(&mut errand)
            .map_err(|error| named(error, &errand))
    }

    fn complete(&mut self, errand: &mut Errand) -> Outcome<Done> {
        let deadline = Instant::now() + self.timeout();
        errand.hand_in(self)?;
        self.end_turn();
        let arrival = errand.follow(self, deadline)?;
        let latency_ms = errand.line.elapsed_ms();
        let height = arrival.told.height.unwrap_or_default();
        let from = self.held_after(&errand.order.draft.sender, height)?;
        Ok(Done {
            id: *errand.order.signed()?.0,
            order: errand.order.clone(),
            arrival,
            from,
            latency_ms,
            stages: errand.line.stages(),
        })
    }

    /// Sends signed orders of one sender, and tells of each that is final, in order. Nothing is
    /// shown of their ways.
    ///
    /// # Errors
    /// Those of [`Desk::deliver`], with the place of the order; those of `note`.
    pub(crate) fn deliver_all(
        &mut self,
        orders: Vec<Order>,
        mut note: impl FnMut(&Order, &Arrival) -> Outcome,
    ) -> Result<(), (usize, CliError)> {
        self.listen();
        let output = self.context.output;
        let mut waiting = orders.into_iter();
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < IN_FLIGHT_MAX
                && let Some(order) = waiting.next()
            {
                let line = LifeLine::new(output.hushed(), &self.network.unit);
                let mut errand = Errand::new(order, output, line);
                let handed = errand.hand_in(self);
                handed.map_err(|error| (errand.order.place, named(error, &errand)))?;
                under_way.push_back(errand);
            }
            if waiting.len() == 0 {
                self.end_turn();
            }
            let Some(mut errand) = under_way.pop_front() else {
                return Ok(());
            };
            let arrival = errand.follow(self, Instant::now() + self.timeout());
            let noted = arrival.and_then(|arrival| note(&errand.order, &arrival));
            noted.map_err(|error| (errand.order.place, named(error, &errand)))?;
        }
    }

    /// Checks that the transaction is in the block that the node names.
    ///
    /// # Errors
    /// [`Exit::Verification`](crate::exit::Exit::Verification).
    pub(crate) fn proven(
        &self,
        id: &TransactionId,
        told: &reply::Transaction,
    ) -> Outcome<Option<VerifiedHeader>> {
        let genesis = self.network.genesis.as_ref();
        let verify = |genesis| Verifier::new(&self.node, genesis)?.transaction(id, told);
        genesis.map(verify).transpose()
    }

    /// Prints the id, before anything leaves.
    fn announce(&self, order: &Order, id: &TransactionId, what: &str) {
        let output = self.context.output;
        if output.is_json() {
            output.note(&format!("transaction {id}"));
            return;
        }
        let left_ms = order.draft.expires_at_ms.saturating_sub(now_ms());
        let repeat = match (order.is_repeat, order.renews) {
            (true, _) => "   (sent before)".to_owned(),
            (false, Some(before)) => format!("   (in the place of {before})"),
            (false, None) => String::new(),
        };
        output.line(&format!(
            "transaction {id}{repeat}\n  {what}   fee {}   nonce {}   expires in {}   network {}",
            self.network.unit.show(order.draft.fee),
            order.draft.nonce,
            duration::show(Duration::from_millis(left_ms)),
            self.network.name
        ));
    }

    /// Describes a final transaction for programs.
    pub(crate) fn describe(&self, done: &Done) -> Value {
        let draft = &done.order.draft;
        let public_key = match &draft.authority {
            Authority::Key(key) => Some(key.to_string()),
            Authority::Policy(_) => None,
        };
        json!({
            "id": done.id.to_string(),
            "status": "final",
            "network": self.network.name,
            "genesis": self.network.genesis_hash.to_string(),
            "from": draft.sender.to_address(self.network.kind),
            "authority": draft.authority.hash().to_string(),
            "public_key": public_key,
            "fee_base": draft.fee,
            "nonce": draft.nonce,
            "memo": draft.memo,
            "expires_at_ms": draft.expires_at_ms,
            "renews": done.order.renews.map(|before| before.to_string()),
            "height": done.height(),
            "index": done.arrival.told.index,
            "verified": done.is_verified(),
            "latency_ms": done.latency_ms,
            "stages_ms": done.stages,
        })
    }
}

/// Names the transaction that an error is about.
fn named(error: CliError, errand: &Errand) -> CliError {
    match errand.order.signed() {
        Ok((id, _)) => error.of(id),
        Err(_) => error,
    }
}

impl Done {
    /// Returns the height of its block.
    pub(crate) fn height(&self) -> u64 {
        self.arrival.told.height.unwrap_or_default()
    }

    /// Says whether transaction and sender are proven against the genesis.
    pub(crate) fn is_verified(&self) -> bool {
        self.arrival.header.is_some() && self.from.is_none_or(|from| from.verified)
    }

    /// Prints the end of the life line.
    pub(crate) fn show(&self, output: Output, is_verified: bool) {
        let header = self.arrival.header.as_ref();
        let signed = header.map_or(String::new(), |header| {
            format!(", {}", header.signed_words())
        });
        let stage = output.paint(Tone::Good, &format!("{:8}", "FINAL"));
        output.line(&format!(
            "  {stage} {:>5} ms   block {}{signed} · {}",
            self.latency_ms,
            self.height(),
            verified_words(is_verified)
        ));
    }
}
