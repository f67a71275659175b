//! Bringing a transaction to the ledger: its id first, then its life line, then proof.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;

use crate::command::account::{Holding, holding, verified_words};
use crate::context::Node;
use crate::desk::{Desk, Order};
use crate::duration;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::interrupt;
use crate::key_file::hex;
use crate::life_line::LifeLine;
use crate::network::Network;
use crate::output::{Output, Tone};
use crate::rpc::{events, reply};
use crate::testnet::birth::now_ms;
use crate::verify::{VerifiedHeader, Verifier};

/// How long to wait for finality when the user says nothing.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node that told a block final may take to serve the state after it.
const READABLE: Duration = Duration::from_secs(5);

/// A transaction that is final.
#[derive(Debug)]
pub(crate) struct Done {
    /// What the node said.
    pub(crate) told: reply::Transaction,
    /// The header of its block, proven; `None` without a genesis.
    pub(crate) header: Option<VerifiedHeader>,
    /// The sender afterwards.
    pub(crate) from: Holding,
    /// From the signing to the certainty.
    pub(crate) latency_ms: u64,
    /// When each stage was reached.
    pub(crate) stages: Value,
}

impl Desk<'_> {
    /// Sends `order` and waits until it is final and the sender's account tells it; `what` is the
    /// order in a few words.
    ///
    /// # Errors
    /// [`Exit::Rejected`], [`Exit::NotFinal`], [`Exit::Halted`], [`Exit::Verification`].
    pub(crate) fn deliver(&self, order: &Order, what: &str) -> Outcome<Done> {
        self.announce(order, what);
        let id = order.signed.id;
        interrupt::explain(
            self.context.output,
            format!("interrupted; transaction {id} may still become final, do not repeat it"),
            format!("starling tx show {id}"),
        )?;
        let mut line = LifeLine::new(&self.node, self.context.output, &self.names, id);
        line.expires_at_ms = order.draft.expires_at_ms;
        line.stage("signed", "");
        line.events = events::open(self.node.rpc.url());
        submit(&mut line, order)?;
        let told = line.wait(self.context.global.timeout.unwrap_or(TIMEOUT))?;
        let latency_ms = duration::as_ms(line.started.elapsed());
        let header = self.proven(order, &told)?;
        let height = told.height.unwrap_or_default();
        let from = self.readable(&order.draft.sender, height)?;
        Ok(Done {
            told,
            header,
            from,
            latency_ms,
            stages: line.stages(),
        })
    }

    /// Checks that the transaction is in the block that the node names.
    ///
    /// # Errors
    /// [`Exit::Verification`].
    pub(crate) fn proven(
        &self,
        order: &Order,
        told: &reply::Transaction,
    ) -> Outcome<Option<VerifiedHeader>> {
        let genesis = self.network.genesis.as_ref();
        let verify =
            |genesis| Verifier::new(&self.node, genesis)?.transaction(&order.signed.id, told);
        genesis.map(verify).transpose()
    }

    /// Waits until the node serves the state after `height`, which it does within moments.
    ///
    /// # Errors
    /// Those of the call, and [`Exit::NotFinal`] if it does not.
    pub(crate) fn readable(&self, account: &AccountId, height: u64) -> Outcome<Holding> {
        readable(&self.node, &self.network, account, height)
    }

    /// Prints the id, before anything leaves.
    fn announce(&self, order: &Order, what: &str) {
        let id = order.signed.id;
        let output = self.context.output;
        if output.is_json() {
            output.note(&format!("transaction {id}"));
            return;
        }
        let left_ms = order.draft.expires_at_ms.saturating_sub(now_ms());
        let repeat = if order.is_repeat {
            "   (sent before)"
        } else {
            ""
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
    pub(crate) fn describe(&self, order: &Order, done: &Done) -> Value {
        let draft = &order.draft;
        let public_key = match &draft.authority {
            Authority::Key(key) => Some(key.to_string()),
            Authority::Policy(_) => None,
        };
        json!({
            "id": order.signed.id.to_string(),
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
            "height": done.told.height,
            "index": done.told.index,
            "verified": done.is_verified(),
            "latency_ms": done.latency_ms,
            "stages_ms": done.stages,
        })
    }
}

impl Done {
    /// Says whether transaction and sender are proven against the genesis.
    pub(crate) const fn is_verified(&self) -> bool {
        self.header.is_some() && self.from.verified
    }

    /// Prints the end of the life line.
    pub(crate) fn show(&self, output: Output, is_verified: bool) {
        let signed = self.header.as_ref().map_or(String::new(), |header| {
            format!(", {}", header.signed_words())
        });
        let stage = output.paint(Tone::Good, &format!("{:8}", "FINAL"));
        output.line(&format!(
            "  {stage} {:>5} ms   block {}{signed} · {}",
            self.latency_ms,
            self.told.height.unwrap_or_default(),
            verified_words(is_verified)
        ));
    }
}

/// Hands a transaction to the node, unless it has it already.
///
/// # Errors
/// [`Exit::Rejected`] if the node refuses it, [`Exit::Verification`] if it takes another.
pub(crate) fn submit(line: &mut LifeLine<'_>, order: &Order) -> Outcome {
    let node = line.node;
    let id = line.id.to_string();
    if order.is_repeat {
        let told: reply::Transaction = node.rpc.typed("transaction", &json!({"id": id}))?;
        if told.status != "unknown" {
            line.stage("accepted", &format!("by {} before", node.name));
            return Ok(());
        }
    }
    let parameters = json!({"transaction": hex(&order.signed.raw.0)});
    let told: reply::Submitted = node.rpc.typed("submit", &parameters)?;
    if told.id != id {
        let message = format!(
            "verification failed, the node lied: it took {id} for {}",
            told.id
        );
        return Err(CliError::new(Exit::Verification, message));
    }
    let verdict = if told.status == "known" {
        "known already"
    } else {
        "valid"
    };
    line.stage("accepted", &format!("by {}: {verdict}", node.name));
    if let (Some(sent), Some(all)) = (told.sent_to, told.neighbours)
        && sent > 0
    {
        line.stage("gossiped", &format!("sent to {sent} of {all} neighbours"));
    }
    Ok(())
}

fn readable(node: &Node, network: &Network, account: &AccountId, height: u64) -> Outcome<Holding> {
    let deadline = Instant::now() + READABLE;
    loop {
        let found = holding(node, network, account)?;
        if found.height >= height {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let message = format!(
                "final in block {height}, but {} does not serve it yet",
                node.name
            );
            return Err(CliError::new(Exit::NotFinal, message));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
