//! `starling db rollback`: go back to an earlier block.

use std::path::Path;

use clap::Args;
use serde_json::json;
use starling_ledger::chain::ChainStore;
use starling_node::runtime::SignGuard;

use super::rebuild::{self, Side};
use super::{Target, failed, genesis, open_locked};
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::node_exit;

const EXAMPLES: &str = "\
Examples:
  starling db rollback n1 --blocks 10
  starling db rollback --config node.toml --to 41000

Executes the blocks up to there again in a folder beside the ledger, then puts that in its place.
What was final stays final: the node fetches the blocks above again. The sign guard stays, so a
validator does not sign anew what it has signed; without a guard this is refused.";

/// `starling db rollback`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    target: Target,
    /// The block that is to be the last, 1 or higher.
    #[arg(long, value_name = "HEIGHT", required_unless_present = "blocks")]
    to: Option<u64>,
    /// How many blocks to go back.
    #[arg(long, value_name = "N", conflicts_with = "to")]
    blocks: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::SignGuard`] where a validator could sign twice, [`Exit::Usage`] where there is nothing
/// to go back to, [`Exit::Config`] where the ledger was pruned.
pub(super) fn run(context: &Context, args: &RollbackArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let chain = ChainStore::new(open_locked(&data_dir)?);
    genesis(&chain)?;
    let read = chain.read();
    let (first, tip) = read
        .first()
        .and_then(|first| Ok((first, read.tip()?)))
        .map_err(|error| failed(&error))?;
    let tip = tip.map_or(0, |(height, _)| height);
    let to = args.to.or_else(|| tip.checked_sub(args.blocks?));
    let to = to.filter(|to| (1..tip).contains(to)).ok_or_else(|| {
        CliError::usage(format!(
            "the last block is {tip}: go back to one from 1 to below it"
        ))
    })?;
    if first > 1 {
        let message = format!(
            "blocks below {first} are not kept, so the state after block {to} cannot be made again"
        );
        let away = "move the folder `ledger` away: the node fetches it again";
        return Err(CliError::new(Exit::Config, message).next(away));
    }
    check_guard(&data_dir)?;
    let side = Side::new(&data_dir, "rollback");
    let rebuilt = rebuild::run(context, &chain, &side, Some(to)).and_then(|rebuilt| {
        match (rebuilt.bad, rebuilt.height == to) {
            (None, true) => Ok(()),
            (bad, _) => {
                let (height, reason) = bad.unwrap_or((to, "it is missing".to_owned()));
                let message = format!("block {height} is damaged: {reason}");
                Err(CliError::new(Exit::Corrupt, message).next(super::RESYNC))
            }
        }
    });
    if let Err(error) = rebuilt {
        side.remove()?;
        return Err(error);
    }
    drop(chain);
    side.take_over()?;
    let data = json!({"tip": to, "before": tip});
    let text = format!("the last block is {to} now, it was {tip}");
    context.output.result(&data, &text);
    context
        .output
        .next("start the node: it fetches the blocks above again");
    Ok(())
}

/// Refuses to go back where a validator's memory of what it signed is lost or damaged: at a height
/// that comes again it could sign another value.
fn check_guard(data_dir: &Path) -> Outcome {
    let guard = SignGuard::of(data_dir).map_err(|error| node_exit::log(&error))?;
    match guard {
        SignGuard::NoValidator | SignGuard::Held { .. } => Ok(()),
        SignGuard::Lost => {
            let message = "this validator's sign guard is missing: at heights that come again it \
                           could sign another value";
            Err(CliError::new(Exit::SignGuard, message)
                .next("restore the file sign-guard, or start the node: it watches before it signs"))
        }
    }
}
