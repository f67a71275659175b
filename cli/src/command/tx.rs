//! `starling tx`: build, sign and submit transactions, and look at them.

mod build;
pub(super) mod sign;
mod submit;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::light::Subject;
use starling_ledger::transaction::{Action, RawTransaction, TransactionId};

use crate::authority::describe as describe_authority;
use crate::context::{Context, Node};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::{Names, short};
use crate::network::Network;
use crate::receipt;
use crate::rpc::{parse, reply};
use crate::verify::{Verifier, list_proof, unhex};

use super::account::verified_words;

const EXAMPLES: &str = "\
Examples:
  starling tx show 3f1c…
  starling tx show 3f1c… --receipt payment.receipt
  starling tx build alice --pay bob 25 --output rent.toml
  starling tx sign rent.toml --key alice
  starling tx submit rent.toml";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling tx show 3f1c…               the id as `send` printed it
  starling tx show 3f1c… --json | jq .data.status
  starling tx show 3f1c… --receipt payment.receipt   what proves it, in a file";

/// `starling tx …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TxArgs {
    #[command(subcommand)]
    command: TxCommand,
}

#[derive(Debug, Subcommand)]
enum TxCommand {
    /// Write a transaction to a file, for others or another machine to sign.
    Build(build::BuildArgs),
    /// Sign a file.
    Sign(sign::SignArgs),
    /// Send a signed file, and wait until it is final.
    Submit(submit::SubmitArgs),
    /// Show where a transaction stands, verified.
    #[command(after_help = EXAMPLES_SHOW)]
    Show {
        /// The transaction's id, 64 hex digits.
        id: String,
        /// Write what proves it to a new file, for `starling verify`; by default a file named after
        /// the id.
        #[arg(long, value_name = "FILE")]
        receipt: Option<Option<PathBuf>>,
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
    match &args.command {
        TxCommand::Build(args) => build::run(context, args),
        TxCommand::Sign(args) => sign::run(context, args),
        TxCommand::Submit(args) => submit::run(context, args),
        TxCommand::Show {
            id,
            receipt,
            genesis,
        } => show(context, id, (genesis.as_deref(), receipt.as_ref())),
    }
}

fn show(
    context: &Context,
    id: &str,
    (genesis, receipt): (Option<&Path>, Option<&Option<PathBuf>>),
) -> Outcome {
    let id: Hash = id.parse().map_err(|_| {
        CliError::usage(format!(
            "`{id}` is no transaction id: not 64 hexadecimal digits"
        ))
    })?;
    let id = TransactionId(id);
    let node = context.connect()?;
    let network = context.network(&node, genesis)?;
    let mut answer = node
        .rpc
        .call("transaction", &json!({"id": id.to_string()}))?;
    let told: reply::Transaction = parse("transaction", answer.clone())?;
    let is_final = told.status == "final";
    if is_final && let Some(genesis) = &network.genesis {
        Verifier::new(&node, genesis)?.transaction(&id, &told)?;
    }
    let verified = is_final && network.genesis.is_some();
    answer["verified"] = json!(verified);
    answer["id"] = json!(id.to_string());
    if let Some(path) = receipt {
        if !is_final {
            let message = format!("no receipt: the transaction is {}, not final", told.status);
            return Err(
                CliError::new(Exit::NotFinal, message).next(format!("starling tx show {id}"))
            );
        }
        let named = PathBuf::from(format!("{}.receipt", id.0.short()));
        let path = path.as_ref().unwrap_or(&named);
        return write_receipt(context, (&node, network.known()?), &told, path);
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
pub(crate) fn actions(
    sender: AccountId,
    actions: &[Action],
    network: &Network,
    names: &Names,
) -> Vec<String> {
    let sender = names.show(sender);
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
        Action::SetAuthority { authority } => {
            format!("  {sender} → {}", describe_authority(authority, names))
        }
        Action::Bond { amount, .. } => format!("  {sender} bonds {}", network.unit.full(*amount)),
        Action::Unbond { amount } => format!("  {sender} unbonds {}", network.unit.full(*amount)),
        Action::Unjail => format!("  {sender} returns as a validator"),
    };
    actions.iter().map(line).collect()
}

/// Writes what proves a final transaction to whoever has the genesis.
fn write_receipt(
    context: &Context,
    (node, genesis): (&Node, &Genesis),
    told: &reply::Transaction,
    path: &Path,
) -> Outcome {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let raw = RawTransaction(unhex("transaction", &given(&told.raw))?.into());
    let proof = list_proof(&given(&told.proof))?;
    let header = given(&told.header);
    let subject = (header.as_str(), Subject::Transaction { raw, proof });
    receipt::write(context, (node, genesis), subject, path)
}
