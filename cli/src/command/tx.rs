//! `starling tx`: build, sign and submit transactions, and look at them.

mod build;
mod show;
pub(super) mod sign;
mod submit;

use clap::{Args, Subcommand};
use starling_ledger::address::AccountId;
use starling_ledger::transaction::Action;

use crate::authority::describe as describe_authority;
use crate::context::Context;
use crate::error::Outcome;
use crate::names::{Names, short};
use crate::network::Network;

const EXAMPLES: &str = "\
Examples:
  starling tx show 3f1c…
  starling tx show 3f1c… --receipt payment.receipt
  starling tx build alice --pay bob 25 --output rent.toml
  starling tx sign rent.toml --key alice
  starling tx submit rent.toml";
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
    Show(show::ShowArgs),
}

/// Runs the command.
///
/// # Errors
/// Those of the command chosen.
pub(crate) fn run(context: &Context, args: &TxArgs) -> Outcome {
    match &args.command {
        TxCommand::Build(args) => build::run(context, args),
        TxCommand::Sign(args) => sign::run(context, args),
        TxCommand::Submit(args) => submit::run(context, args),
        TxCommand::Show(args) => show::run(context, args),
    }
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
