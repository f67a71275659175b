//! `starling db check`: is everything there, and right?

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use starling_ledger::chain::{ChainStore, Check, CheckError, CheckReport, Depth};
use starling_ledger::keys::Ed25519;
use starling_ledger::supply::Totals;

use super::rebuild::{self, Side};
use super::{Progress, RESYNC, Target, failed, open_locked};
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::node_exit;

const EXAMPLES: &str = "\
Examples:
  starling db check n1
  starling db check n1 --quick        signatures of the last block of each epoch only
  starling db check n1 --full         execute every block again, too
  starling db check n1 --full --checkpoint 41000:3f1c…   without the signatures up to there
  starling db check --data-dir ./n5 --json

Checks hash chain, certificates, bodies, indexes, every page of the state, and the supply. Ends with
65 and the first bad block where something is wrong. Nothing is changed.";

/// `starling db check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    target: Target,
    /// Check the signatures of the last block of each epoch only: each header vouches for the ones
    /// before it.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Execute every block again, from the first; needs room for a second state.
    #[arg(long)]
    full: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Corrupt`] names the first bad block.
pub(super) fn run(context: &Context, args: &CheckArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let storage = open_locked(&data_dir)?;
    let chain = ChainStore::new(storage);
    let depth = match args.quick {
        true => Depth::Quick,
        false => Depth::Signatures,
    };
    if let Some(given) = context.global.checkpoint {
        node_exit::vouched(&chain, given)?;
    }
    let (report, totals) = check(context, &chain, depth)?;
    if args.full {
        execute_again(
            context,
            &chain,
            &Side::thrown_away(&data_dir, "check"),
            report,
        )?;
    }
    tell(context, args, &report, &totals);
    Ok(())
}

fn check(context: &Context, chain: &ChainStore, depth: Depth) -> Outcome<(CheckReport, Totals)> {
    let mut check = Check::begin(chain.clone(), Arc::new(Ed25519), depth).map_err(explain)?;
    let mut progress = Progress::new(context, "checked", check.range());
    while let Some(height) = check.step().map_err(explain)? {
        progress.reached(height);
    }
    context.output.note("  checking the state");
    check.finish().map_err(explain)
}

/// Executes all blocks again in a folder of its own, and compares the results.
fn execute_again(
    context: &Context,
    chain: &ChainStore,
    side: &Side,
    report: CheckReport,
) -> Outcome {
    if report.first > 1 {
        let message = format!(
            "blocks below {} are not kept, so they cannot be executed again",
            report.first
        );
        return Err(CliError::new(Exit::Config, message).next("starling db check, without --full"));
    }
    let rebuilt = rebuild::run(context, chain, side, Some(report.tip));
    let rebuilt = rebuilt.and_then(|rebuilt| match rebuilt.bad {
        Some((height, reason)) => Err(fault(height, &reason)),
        None if rebuilt.height < report.tip => Err(fault(rebuilt.height + 1, "it is missing")),
        None => Ok(()),
    });
    side.remove()?;
    rebuilt
}

fn explain(error: CheckError) -> CliError {
    match error {
        CheckError::Fault { height, reason } => fault(height, &reason),
        CheckError::Chain(error) => failed(&error),
        other => CliError::new(Exit::Corrupt, other.to_string()).next(RESYNC),
    }
}

fn fault(height: u64, reason: &str) -> CliError {
    let message = format!("block {height} is the first that is wrong: {reason}");
    CliError::new(Exit::Corrupt, message)
        .code("bad_block")
        .next(RESYNC)
}

fn tell(context: &Context, args: &CheckArgs, report: &CheckReport, totals: &Totals) {
    let depth = match (args.quick, args.full) {
        (true, _) => "quick",
        (_, true) => "full",
        _ => "signatures",
    };
    let data = json!({
        "depth": depth,
        "first": report.first,
        "tip": report.tip,
        "blocks": report.blocks,
        "epoch_ends": report.epoch_ends,
        "transactions": report.transactions,
        "from_genesis": report.from_genesis,
        "supply_base": totals.supply,
        "staked_base": totals.staked,
        "burned_base": totals.burned,
    });
    let mut text = format!(
        "blocks {} to {} are whole: {} transactions, state and supply agree",
        report.first, report.tip, report.transactions
    );
    if args.full {
        text.push_str("; all executed again with the same result");
    }
    if report.epoch_ends > 0 {
        let ends = report.epoch_ends;
        text.push_str(&format!(
            "\nbelow them {ends} ends of epochs lead back to the genesis"
        ));
    }
    if !report.from_genesis {
        text.push_str("\nthe ledger began with a snapshot: what was before is not kept here");
    }
    context.output.result(&data, &text);
}
