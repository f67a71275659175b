//! `starling stake show`: one stake, and a receipt of it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use starling_ledger::light::Subject;

use crate::command::account::verified_words;
use crate::context::Context;
use crate::desk::{rules, stake};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::receipt;
use crate::verify::state_proof;

use super::{release_words, status_words};

const EXAMPLES: &str = "\
Examples:
  starling stake show carol
  starling stake show n1 --receipt n1.receipt   what proves its stake and its power, in a file
  starling stake show bob --receipt bob.receipt   or that it has none

The receipt also says whether the account signs the next block, and with what power.";

/// `starling stake show`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArgs {
    /// The name of a key or policy, or an address.
    account: String,
    /// Write what proves it to a new file, for `starling verify`.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] if a proof does not hold; [`Exit::NotFinal`] for a receipt before
/// block 1.
pub(super) fn run(context: &Context, args: &ShowArgs) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let account = context.names(&network)?.account(&args.account)?;
    let told = stake(&node, &network, &account)?;
    if let Some(path) = &args.receipt {
        if told.at.height == 0 {
            let message = "no receipt: there is no block yet that it could be proven against";
            return Err(CliError::new(Exit::NotFinal, message).next("starling status"));
        }
        let proof = state_proof(&told.at.proof)?;
        let subject = (
            told.at.header.as_str(),
            Subject::Validator { account, proof },
        );
        return receipt::write(context, (&node, network.known()?), subject, path);
    }
    let rules = rules(&node, &network)?;
    let verified = network.genesis.is_some();
    let address = account.to_address(network.kind);
    let mut lines = vec![format!("{}  {address}", args.account)];
    lines.push(format!(
        "  bonded  {}, {}",
        network.unit.full(told.bonded_base),
        status_words(&told)
    ));
    lines.extend(
        told.consensus_key
            .iter()
            .map(|key| format!("  key     {key}")),
    );
    let releases = told.releases.iter();
    lines.extend(releases.map(|release| release_words(&network.unit, release, &rules)));
    let words = verified_words(verified);
    lines.push(format!("  block   {} · {words}", told.at.height));
    let mut data = told.describe();
    data["address"] = json!(address);
    data["verified"] = json!(verified);
    context.output.result(&data, &lines.join("\n"));
    context.output.next("starling stake list");
    Ok(())
}
