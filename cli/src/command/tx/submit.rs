//! `starling tx submit`: send a signed file, and wait until it is final.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::command::account::known;
use crate::context::Context;
use crate::desk::{Desk, current_authority};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::order::Order;
use crate::rpc::reply;
use crate::terms::Terms;
use crate::tx_file::TxFile;

use super::actions;
use super::sign::check_expiry;

const EXAMPLES: &str = "\
Examples:
  starling tx submit rent.toml
  starling tx submit rent.toml --node http://127.0.0.1:7101 --genesis genesis.toml --json

It needs no key. A repeat is safe: the ledger takes one transaction at most once.";

/// `starling tx submit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SubmitArgs {
    /// The signed file.
    file: PathBuf,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Key`] if signatures are missing or the authority is not the account's; those of every
/// transaction.
pub(super) fn run(context: &Context, args: &SubmitArgs) -> Outcome {
    let terms = Terms {
        genesis: args.genesis.clone(),
        ..Terms::default()
    };
    let mut desk = Desk::open(context, &terms)?;
    let genesis = desk.persistently(Desk::genesis)?;
    let file = TxFile::read(&args.file, &genesis)?;
    let signed = file.draft.signed(&file.genesis, &file.signatures);
    let signed = signed.map_err(|error| {
        let next = format!("starling tx sign {} --key NAME", args.file.display());
        error.next(next)
    })?;
    // It may have been sent before: then the node knows more than the checks.
    let call = json!({"id": signed.id.to_string()});
    desk.persistently(|desk| {
        let told: reply::Transaction = desk.node.rpc.typed("transaction", &call)?;
        if told.status == "unknown" {
            check_expiry(&file, desk.node.status.head_time_ms)?;
            check_author(desk, &file)?;
        }
        Ok(())
    })
    .map_err(|error| error.of(signed.id))?;
    submit(&mut desk, Order::of_file(file.draft, signed))
}

fn submit(desk: &mut Desk<'_>, order: Order) -> Outcome {
    let draft = &order.draft;
    let lines = actions(draft.sender, &draft.actions, &desk.network, &desk.names);
    let done = desk.deliver(order, lines.join("\n").trim_start())?;
    done.show(desk.context.output, done.is_verified());
    desk.context.output.envelope(&desk.describe(&done));
    let next = format!("starling tx show {} --receipt", done.id);
    desk.context.output.next(&next);
    Ok(())
}

/// Checks authority and nonce against the ledger: what is sure to fail is said in words.
fn check_author(desk: &Desk<'_>, file: &TxFile) -> Outcome {
    let draft = &file.draft;
    let (told, _) = known(&desk.node, &desk.network, &draft.sender)?;
    if current_authority(&draft.sender, &told)? != draft.authority.hash() {
        let message = format!(
            "rejected: the authority of {} is not the one that signed this",
            desk.names.show(draft.sender)
        );
        let next = "build it again: starling tx build --help";
        return Err(CliError::new(Exit::Key, message)
            .code("authority")
            .next(next));
    }
    if draft.nonce < told.nonce {
        let message = format!(
            "rejected: nonce {} was used by another transaction, the account's next is {}",
            draft.nonce, told.nonce
        );
        let next = "build it again: starling tx build --help";
        return Err(CliError::new(Exit::Rejected, message)
            .code("nonce")
            .next(next));
    }
    Ok(())
}
