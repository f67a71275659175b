//! `starling db prune`: remove old blocks and give their space back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use starling_ledger::chain::{ChainStore, Pruner, keep_blocks_min};
use starling_store::{OpenOptions, RocksStorage};

use super::{Progress, Target, failed, genesis, ledger, show_bytes};
use crate::context::Context;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::node_exit;

const EXAMPLES: &str = "\
Examples:
  starling db prune n1 --keep 1000
  starling db prune --data-dir ./n5 --keep 100000 --json

What stays: the last blocks, header and certificate of the last block of each epoch, every set of
validators, and the whole state. A running node does the same by itself with keep_blocks.";

/// `starling db prune`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    target: Target,
    /// How many of the last blocks to keep.
    #[arg(long, value_name = "N")]
    keep: u64,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Config`] where a node of the network has to keep more.
pub(super) fn run(context: &Context, args: &PruneArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let folder = ledger(&data_dir);
    let storage = RocksStorage::open(&folder, &OpenOptions::default());
    let storage = Arc::new(storage.map_err(|error| node_exit::storage(&error))?);
    let chain = ChainStore::new(storage);
    let min = keep_blocks_min(&genesis(&chain)?.parameters);
    if args.keep < min {
        let message = format!("a node of this network keeps at least {min} blocks");
        return Err(CliError::new(Exit::Config, message).next(format!("--keep {min}")));
    }
    let before = size_bytes(&folder)?;
    let pruned = prune(context, &chain, args.keep).map_err(|error| failed(&error))?;
    let after = size_bytes(&folder)?;
    let data = json!({
        "first": pruned.first,
        "blocks": pruned.blocks,
        "transactions": pruned.transactions,
        "before_bytes": before,
        "after_bytes": after,
    });
    let text = format!(
        "{} blocks removed, the first that is kept is {}\nbefore {}, after {}",
        pruned.blocks,
        pruned.first,
        show_bytes(before),
        show_bytes(after)
    );
    context.output.result(&data, &text);
    context.output.next("starling db stats");
    Ok(())
}

/// What was removed.
struct Removed {
    first: u64,
    blocks: u64,
    transactions: u64,
}

fn prune(
    context: &Context,
    chain: &ChainStore,
    keep: u64,
) -> Result<Removed, starling_ledger::chain::ChainError> {
    let pruner = Pruner::new(chain.clone())?;
    let first = chain.read().first()?;
    let excess = pruner.excess(keep)?;
    let range = (first, first.saturating_add(excess).saturating_sub(1));
    let mut progress = Progress::new(context, "removed", range);
    let mut removed = Removed {
        first,
        blocks: 0,
        transactions: 0,
    };
    while let Some(step) = pruner.step(keep)? {
        removed.first = step.first;
        removed.blocks += step.first.saturating_sub(step.from);
        removed.transactions += step.transactions;
        progress.reached(step.first.saturating_sub(1));
    }
    pruner.reclaim()?;
    Ok(removed)
}

/// The bytes of the database's files, without the reserve.
fn size_bytes(folder: &Path) -> Outcome<u64> {
    let data = folder.join("rocksdb");
    let mut sum = 0u64;
    for entry in fs::read_dir(&data).on("read", &data)? {
        let entry = entry.on("read", &data)?;
        match entry.metadata() {
            Ok(metadata) => sum = sum.saturating_add(metadata.len()),
            // Its background work may remove a file meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::file("read", &entry.path(), &error)),
        }
    }
    Ok(sum)
}
