//! `starling tx`: look at transactions.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{Action, RawTransaction, Transaction, TransactionId};

use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::{Names, short};
use crate::network::Network;
use crate::rpc::{parse, reply};
use crate::verify::{Verifier, unhex};

use super::account::verified_words;

const EXAMPLES: &str = "\
Examples:
  starling tx show 3f1c…
  starling tx show 3f1c… --receipt > receipt.json";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling tx show 3f1c…               the id as `send` printed it
  starling tx show 3f1c… --json | jq .data.status
  starling tx show 3f1c… --receipt > receipt.json   header, certificate and proof of inclusion";

/// `starling tx …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TxArgs {
    #[command(subcommand)]
    command: TxCommand,
}

#[derive(Debug, Subcommand)]
enum TxCommand {
    /// Show where a transaction stands, verified.
    #[command(after_help = EXAMPLES_SHOW)]
    Show {
        /// The transaction's id, 64 hex digits.
        id: String,
        /// Print what proves it, as JSON.
        #[arg(long)]
        receipt: bool,
        /// Genesis of the network, to verify against.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] if the node's proof does not hold; a usage error if the id is none.
pub(crate) fn run(context: &Context, args: &TxArgs) -> Outcome {
    let TxCommand::Show {
        id,
        receipt,
        genesis,
    } = &args.command;
    let id: Hash = id.parse().map_err(|_| {
        CliError::usage(format!(
            "`{id}` is no transaction id: not 64 hexadecimal digits"
        ))
    })?;
    let id = TransactionId(id);
    let node = context.connect()?;
    let network = context.network(&node, genesis.as_deref())?;
    let mut answer = node
        .rpc
        .call("transaction", &json!({"id": id.to_string()}))?;
    let told: reply::Transaction = parse("transaction", answer.clone())?;
    let is_final = told.status == "final";
    if is_final && let Some(genesis) = &network.genesis {
        Verifier::new(genesis).transaction(&id, &told)?;
    }
    let verified = is_final && network.genesis.is_some();
    answer["verified"] = json!(verified);
    answer["id"] = json!(id.to_string());
    if *receipt {
        if !is_final {
            let message = format!("no receipt: the transaction is {}, not final", told.status);
            return Err(
                CliError::new(Exit::NotFinal, message).next(format!("starling tx show {id}"))
            );
        }
        let receipt = receipt_of(&id, &network, &answer);
        let text = serde_json::to_string_pretty(&receipt).unwrap_or_default();
        context.output.result(&receipt, &text);
        return Ok(());
    }
    let text = describe(&id, &told, &network, &context.names(&network)?, verified);
    context.output.result(&answer, &text);
    match told.height {
        Some(height) => context.output.next(&format!("starling block {height}")),
        None => context.output.next("starling status"),
    }
    Ok(())
}

fn describe(
    id: &TransactionId,
    told: &reply::Transaction,
    network: &Network,
    names: &Names,
    verified: bool,
) -> String {
    let mut lines = vec![format!("transaction {id}")];
    let bytes = told
        .raw
        .as_ref()
        .and_then(|raw| unhex("transaction", raw).ok());
    let decoded = bytes.and_then(|bytes| RawTransaction(bytes.into()).decode().ok());
    if let Some(transaction) = decoded {
        lines.extend(actions(&transaction, network, names));
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
    lines.push(match (told.status.as_str(), told.height) {
        ("final", Some(height)) => {
            format!("  FINAL in block {height} · {}", verified_words(verified))
        }
        ("pending", _) => "  waiting in the mempool, not final yet".to_owned(),
        ("unknown", _) => "  unknown to this node: never seen, or expired".to_owned(),
        (other, _) => format!("  {other}"),
    });
    lines.join("\n")
}

/// Writes each action in a line.
pub(crate) fn actions(transaction: &Transaction, network: &Network, names: &Names) -> Vec<String> {
    let sender = names.show(transaction.sender());
    let line = |action: &Action| match action {
        Action::Transfer { to, amount } => {
            format!(
                "  {sender} → {}   {}",
                names.show(*to),
                network.unit.full(*amount)
            )
        }
        Action::Record { digest, note } => {
            format!(
                "  {sender} records {}   {note:?}",
                short(&digest.to_string(), 8)
            )
        }
        Action::SetAuthority { .. } => format!("  {sender} replaces its authority"),
        Action::Bond { amount, .. } => format!("  {sender} bonds {}", network.unit.full(*amount)),
        Action::Unbond { amount } => format!("  {sender} unbonds {}", network.unit.full(*amount)),
        Action::Unjail => format!("  {sender} returns as a validator"),
    };
    transaction.body.actions.iter().map(line).collect()
}

/// Collects what proves a transaction to whoever has the genesis.
fn receipt_of(id: &TransactionId, network: &Network, answer: &Value) -> Value {
    json!({
        "kind": "starling-receipt",
        "v": 1,
        "network": network.name,
        "genesis": network.genesis_hash.to_string(),
        "id": id.to_string(),
        "height": answer["height"],
        "raw": answer["raw"],
        "header": answer["header"],
        "certificate": answer["certificate"],
        "proof": answer["proof"],
    })
}
