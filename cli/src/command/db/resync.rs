//! `starling db resync`: build the ledger anew from its own blocks.

use clap::Args;
use serde_json::json;
use starling_ledger::chain::ChainStore;

use super::rebuild::{self, Side};
use super::{Target, genesis, open_locked};
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  starling db resync n1
  starling db resync --config node.toml
  starling db resync n1 --checkpoint 41000:3f1c…

Executes every block again in a folder beside the ledger, then puts that in its place. Where a block
is damaged the new ledger ends below it, and the node fetches the rest when it starts. With a block
that somebody you trust vouches for, the signatures of transactions up to it are not checked again,
which is much quicker; all else is. Keys, sign guard and consensus log stay as they are.";

/// `starling db resync`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ResyncArgs {
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Config`] where the ledger was pruned, [`Exit::Corrupt`] where nothing of it can be read.
pub(super) fn run(context: &Context, args: &ResyncArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let away = "move the folder `ledger` away: the node fetches it again; keys and sign guard stay";
    let chain = ChainStore::new(open_locked(&data_dir).map_err(|error| match error.exit {
        Exit::Corrupt => error.next(away),
        _ => error,
    })?);
    genesis(&chain).map_err(|error| error.next(away))?;
    let first = chain.read().first().unwrap_or(1);
    if first > 1 {
        let message =
            format!("blocks below {first} are not kept, so nothing can be built from them");
        return Err(CliError::new(Exit::Config, message).next(away));
    }
    let tip = chain.read().tip().ok().flatten();
    let before = tip.map(|(height, _)| height);
    let side = Side::new(&data_dir, "resync");
    let rebuilt = rebuild::run(context, &chain, &side, before);
    let rebuilt = match rebuilt {
        Ok(rebuilt) => rebuilt,
        Err(error) => {
            side.remove()?;
            return Err(error);
        }
    };
    drop(chain);
    side.take_over()?;
    let bad = rebuilt.bad.as_ref();
    let data = json!({
        "tip": rebuilt.height,
        "before": before,
        "bad_block": bad.map(|(height, _)| height),
        "reason": bad.map(|(_, reason)| reason),
    });
    let text = match bad {
        None => format!("blocks 1 to {} built anew", rebuilt.height),
        Some((height, reason)) => format!(
            "blocks 1 to {} built anew; block {height} is damaged: {reason}\n\
             the node fetches it and what follows when it starts",
            rebuilt.height
        ),
    };
    context.output.result(&data, &text);
    context.output.next("start the node");
    Ok(())
}
