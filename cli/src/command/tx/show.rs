//! `starling tx show`: where a transaction stands, and what proves it: that it happened, and that
//! it did not.
//!
//! An id says nothing about a transaction that is on no ledger. Its signed file does: sender and
//! nonce. The sender's account proves how many transactions it made, and its history which ones.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Past, Subject};
use starling_ledger::transaction::{RawTransaction, TransactionId, VerifiedTransaction};

use crate::command::account::verified_words;
use crate::command::verify::{past_data, past_words};
use crate::context::{Context, Node};
use crate::desk::past;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::names::Names;
use crate::network::Network;
use crate::receipt;
use crate::rpc::{parse, reply};
use crate::tx_file::TxFile;
use crate::verify::{Verifier, list_proof, unhex, until_caught_up};

use super::actions;

const EXAMPLES: &str = "\
Examples:
  starling tx show 3f1c…               the id as `send` printed it
  starling tx show 3f1c… --json | jq .data.status
  starling tx show 3f1c… --receipt payment.receipt   what proves it, in a file
  starling tx show rent.toml           a signed file: also what proves that it did not happen
  starling tx show rent.toml --receipt unpaid.receipt

A receipt of a transaction that did not happen says so as of one block: it may still be taken, has
expired, or another one has its nonce.";

/// `starling tx show`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArgs {
    /// The transaction's id, 64 hex digits, or its signed file.
    transaction: String,
    /// Write what proves it to a new file, for `starling verify`; by default a file named after the
    /// id.
    #[arg(long, value_name = "FILE")]
    receipt: Option<Option<PathBuf>>,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// What the user knows of the transaction.
struct Known {
    id: TransactionId,
    /// The transaction, where its file was given.
    transaction: Option<VerifiedTransaction>,
}

/// What was found out about it.
struct Found {
    told: reply::Transaction,
    /// What its sender's history proves, where it is not final and its file was given.
    absent: Option<(Past, reply::History)>,
    verified: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] if the node's proof does not hold; a usage error if the id is none;
/// [`Exit::NotFinal`] where a receipt is asked for and only an id is known.
pub(super) fn run(context: &Context, args: &ShowArgs) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let known = Known::read(&args.transaction, &network)?;
    let id = known.id;
    let (mut answer, found) = until_caught_up(&node, || find(&node, &network, &known))?;
    if let Some(path) = &args.receipt {
        let named = PathBuf::from(format!("{}.receipt", id.0.short()));
        let path = path.as_ref().unwrap_or(&named);
        let (header, subject) = found.subject(&known)?;
        let from = (&node, network.known()?);
        return receipt::write(context, from, (&header, subject), path);
    }
    answer["verified"] = json!(found.verified);
    answer["id"] = json!(id.to_string());
    if let Some((past, _)) = &found.absent {
        answer["history"] = past_data(past);
    }
    let text = found.describe(&known, &network, &context.names(&network)?);
    context.output.result(&answer, &text);
    match found.told.height {
        Some(height) => context.output.next(&format!("starling block {height}")),
        None => context.output.next("starling status"),
    }
    Ok(())
}

impl Known {
    /// Takes an id, or reads a signed file.
    fn read(text: &str, network: &Network) -> Outcome<Self> {
        if let Ok(id) = text.parse() {
            let id = TransactionId(id);
            return Ok(Self {
                id,
                transaction: None,
            });
        }
        let path = Path::new(text);
        if !path.exists() {
            return Err(CliError::usage(format!(
                "`{text}` is no transaction id, which has 64 hexadecimal digits, and no file"
            )));
        }
        let file = TxFile::read(path, network.known()?)?;
        let signed = file.draft.signed(&file.genesis, &file.signatures);
        let signed = signed.map_err(|error| {
            error.next(format!("starling tx sign {} --key NAME", path.display()))
        })?;
        let verified = signed.raw.verify(&Ed25519, &file.genesis);
        Ok(Self {
            id: signed.id,
            transaction: Some(verified.exit(Exit::Corrupt)?),
        })
    }
}

/// Asks `node`, and verifies what it says.
fn find(node: &Node, network: &Network, known: &Known) -> Outcome<(Value, Found)> {
    let id = known.id;
    let call = json!({"id": id.to_string()});
    let answer = node.rpc.call("transaction", &call)?;
    let told: reply::Transaction = parse("transaction", answer.clone())?;
    let is_final = told.status == "final";
    let mut absent = None;
    let mut verified = false;
    if let Some(genesis) = &network.genesis {
        if is_final {
            Verifier::new(node, genesis)?.transaction(&id, &told)?;
            verified = true;
        } else if let Some(transaction) = &known.transaction {
            absent = past(node, network, transaction)?;
            verified = absent.is_some();
        }
    }
    let found = Found {
        told,
        absent,
        verified,
    };
    Ok((answer, found))
}

impl Found {
    /// Returns what a receipt would be about, and the header it is proven against.
    fn subject(&self, known: &Known) -> Outcome<(String, Subject)> {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        if let (Some((_, history)), Some(transaction)) = (&self.absent, &known.transaction) {
            if history.at.height == 0 {
                let message = "no receipt: there is no block yet that it could be proven against";
                return Err(CliError::new(Exit::NotFinal, message).next("starling status"));
            }
            let raw = transaction.raw().clone();
            let proof = history.proof()?;
            return Ok((history.at.header.clone(), Subject::History { raw, proof }));
        }
        let told = &self.told;
        if told.status != "final" {
            let message = format!("no receipt: the transaction is {}, not final", told.status);
            return Err(CliError::new(Exit::NotFinal, message).next(
                "name its signed file instead of its id, to prove that it has not happened",
            ));
        }
        let raw = RawTransaction(unhex("transaction", &given(&told.raw))?.into());
        let proof = list_proof(&given(&told.proof))?;
        Ok((given(&told.header), Subject::Transaction { raw, proof }))
    }

    fn describe(&self, known: &Known, network: &Network, names: &Names) -> String {
        let mut lines = vec![format!("transaction {}", known.id)];
        let bytes = self.told.raw.as_ref();
        let bytes = bytes.and_then(|raw| unhex("transaction", raw).ok());
        let decoded = bytes.and_then(|bytes| RawTransaction(bytes.into()).decode().ok());
        let own = known.transaction.as_ref().map(|one| one.transaction());
        if let Some(transaction) = decoded.as_ref().or(own) {
            let sender = transaction.sender();
            lines.extend(actions(sender, &transaction.body.actions, network, names));
            lines.push(format!(
                "  fee {}   nonce {}{}",
                network.unit.show(transaction.body.fee),
                transaction.body.nonce,
                match transaction.body.memo.as_str() {
                    "" => String::new(),
                    memo => format!("   memo {memo:?}"),
                }
            ));
        }
        lines.push(self.status_words());
        if let Some((past, history)) = &self.absent {
            let (words, _) = past_words(past);
            let verified = verified_words(self.verified);
            lines.push(format!("  {words}"));
            lines.push(format!("  as of block {} · {verified}", history.at.height));
        }
        lines.join("\n")
    }

    fn status_words(&self) -> String {
        match (self.told.status.as_str(), self.told.height) {
            ("final", Some(height)) => {
                format!(
                    "  FINAL in block {height} · {}",
                    verified_words(self.verified)
                )
            }
            ("pending", _) => "  waiting in the mempool, not final yet".to_owned(),
            ("unknown", _) => "  unknown to this node: never seen, or expired".to_owned(),
            (other, _) => format!("  {other}"),
        }
    }
}
