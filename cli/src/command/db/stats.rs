//! `starling db stats`: what the columns take, and which blocks are kept.

use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};
use starling_ledger::chain::ChainStore;
use starling_store::ColumnStats;

use super::{Target, failed, genesis, open_locked, show_bytes};
use crate::context::Context;
use crate::error::Outcome;
use crate::node_exit;

const EXAMPLES: &str = "\
Examples:
  starling db stats n1
  starling db stats --data-dir ./n5 --json | jq '.data.columns[] | {name, disk_bytes}'

Entries are RocksDB's estimate: exact after db prune or a long quiet time, too high before.";

/// `starling db stats`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
///
/// # Errors
/// Those of opening the ledger.
pub(super) fn run(context: &Context, args: &StatsArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let storage = open_locked(&data_dir)?;
    let columns = storage
        .stats()
        .map_err(|error| node_exit::storage(&error))?;
    let chain = ChainStore::new(storage);
    let network = genesis(&chain)?;
    let read = chain.read();
    let (first, tip) = read
        .first()
        .and_then(|first| Ok((first, read.tip()?)))
        .map_err(|error| failed(&error))?;
    let tip = tip.map_or(0, |(height, _)| height);
    let data = json!({
        "network": network.name,
        "genesis": network.hash().to_string(),
        "first": first,
        "tip": tip,
        "blocks": tip.saturating_add(1).saturating_sub(first),
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
    });
    let text = format!(
        "network {}, blocks {first} to {tip}\n{}",
        network.name,
        table(&columns)
    );
    context.output.result(&data, &text);
    Ok(())
}

fn column(stats: &ColumnStats) -> Value {
    json!({
        "name": stats.column.name(),
        "entries": stats.entries,
        "disk_bytes": stats.disk_bytes,
        "memory_bytes": stats.memory_bytes,
        "raw_bytes": stats.raw_bytes,
        "compressed_permille": permille(stats),
    })
}

/// What compression leaves, in thousandths; nothing where no table was written yet.
fn permille(stats: &ColumnStats) -> Option<u64> {
    stats
        .disk_bytes
        .saturating_mul(1000)
        .checked_div(stats.raw_bytes)
}

fn table(columns: &[ColumnStats]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "column",
        "entries",
        "on disk",
        "in the log",
        "compressed to",
    ]);
    for stats in columns {
        let compressed = permille(stats).map(|permille| format!("{} %", permille / 10));
        table.add_row([
            stats.column.name().to_owned(),
            stats.entries.to_string(),
            show_bytes(stats.disk_bytes),
            show_bytes(stats.memory_bytes),
            compressed.unwrap_or_default(),
        ]);
    }
    let sum = |of: fn(&ColumnStats) -> u64| columns.iter().map(of).fold(0, u64::saturating_add);
    table.add_row([
        "all".to_owned(),
        sum(|stats| stats.entries).to_string(),
        show_bytes(sum(|stats| stats.disk_bytes)),
        show_bytes(sum(|stats| stats.memory_bytes)),
        String::new(),
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
