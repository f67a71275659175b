//! `starling db`: look after the ledger on this machine's disk.
//!
//! All but `backup` need the node to be stopped: they take the lock on its folder. None of them
//! touches keys, sign guard or consensus log.

mod backup;
mod check;
mod prune;
mod rebuild;
mod resync;
mod rollback;
mod stats;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use starling_ledger::chain::{ChainError, ChainStore};
use starling_ledger::genesis::Genesis;
use starling_store::{OpenOptions, RocksStorage};

use crate::config::NodeConfig;
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::node_exit;

const EXAMPLES: &str = "\
Examples:
  starling db stats n1                       what the columns of a stopped node take
  starling db check n1                       is everything there, and right?
  starling db check --config node.toml --full
  starling db prune --data-dir ./n5 --keep 1000
  starling db rollback n1 --blocks 10
  starling db resync n1
  starling db backup ./monday n1

NODE is a node of the local testnet; elsewhere name the folder with --data-dir or --config. The node
has to be stopped. Keys, sign guard and consensus log are never touched.";

/// `starling db …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Show what each column takes, and which blocks are kept.
    Stats(stats::StatsArgs),
    /// Check the stored ledger; names the first bad block.
    Check(check::CheckArgs),
    /// Copy the ledger of a running node.
    Backup(backup::BackupArgs),
    /// Remove old blocks and give their space back.
    Prune(prune::PruneArgs),
    /// Go back to an earlier block.
    Rollback(rollback::RollbackArgs),
    /// Build the ledger anew from its own blocks, up to the first that is damaged.
    Resync(resync::ResyncArgs),
}

/// Which node's folder.
#[derive(Debug, Args)]
struct Target {
    /// A node of the local testnet, such as n1.
    #[arg(id = "local_node", value_name = "NODE")]
    node: Option<String>,
    /// The node's config file, which names its folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Corrupt`] where the ledger is damaged, [`Exit::Locked`] where a node runs on it.
pub(crate) fn run(context: &Context, args: &DbArgs) -> Outcome {
    match &args.command {
        DbCommand::Stats(args) => stats::run(context, args),
        DbCommand::Check(args) => check::run(context, args),
        DbCommand::Backup(args) => backup::run(context, args),
        DbCommand::Prune(args) => prune::run(context, args),
        DbCommand::Rollback(args) => rollback::run(context, args),
        DbCommand::Resync(args) => resync::run(context, args),
    }
}

impl Target {
    /// Finds the data folder of the node.
    fn data_dir(&self, context: &Context) -> Outcome<PathBuf> {
        let named = [
            self.node.is_some(),
            self.config.is_some(),
            context.global.data_dir.is_some(),
        ];
        if named.into_iter().filter(|named| *named).count() > 1 {
            let message = "name the node's folder once: NODE, --config or --data-dir";
            return Err(CliError::usage(message));
        }
        if let Some(node) = &self.node {
            crate::folders::check_name("node", node)?;
            let folder = context.testnet()?.path().join(node).join("data");
            return existing(folder);
        }
        let missing =
            || CliError::usage("which node? name one of the local testnet, --data-dir or --config");
        let folder = match &self.config {
            Some(path) => NodeConfig::read(path)?.data_dir,
            None => context.global.data_dir.clone(),
        };
        existing(folder.ok_or_else(missing)?)
    }
}

/// Checks that the folder is there: a mistyped one must not be made.
fn existing(folder: PathBuf) -> Outcome<PathBuf> {
    if ledger(&folder).is_dir() {
        return Ok(folder);
    }
    let message = format!("there is no ledger in {}", folder.display());
    Err(CliError::new(Exit::Config, message).next("name the folder that the node was run with"))
}

/// The ledger in the data folder of a node.
fn ledger(data_dir: &Path) -> PathBuf {
    data_dir.join("ledger")
}

/// Opens a stopped node's ledger for reading, and keeps the node from starting meanwhile.
fn open_locked(data_dir: &Path) -> Outcome<Arc<RocksStorage>> {
    let opened = RocksStorage::open_locked(&ledger(data_dir), &OpenOptions::default());
    opened.map(Arc::new).map_err(|error| {
        let explained = node_exit::storage(&error);
        match explained.exit {
            Exit::Corrupt => explained.next(RESYNC),
            Exit::Locked => explained.next("stop the node first"),
            _ => explained,
        }
    })
}

/// What to do about damage.
const RESYNC: &str = "starling db resync keeps the good part; or move the folder `ledger` away, \
                      and the node fetches it again";

/// Explains an error of the chain.
fn failed(error: &ChainError) -> CliError {
    let explained = node_exit::chain(error);
    match explained.exit {
        Exit::Corrupt => explained.next(RESYNC),
        _ => explained,
    }
}

/// Reads the network whose ledger this is.
fn genesis(chain: &ChainStore) -> Outcome<Genesis> {
    let genesis = chain.read().genesis();
    let genesis = genesis.and_then(|genesis| genesis.ok_or(ChainError::NoGenesis));
    genesis.map_err(|error| failed(&error))
}

/// Says on stderr how far a long work is, at each tenth of it.
struct Progress<'a> {
    context: &'a Context,
    what: &'static str,
    from: u64,
    to: u64,
    told: u64,
}

impl<'a> Progress<'a> {
    fn new(context: &'a Context, what: &'static str, (from, to): (u64, u64)) -> Self {
        Self {
            context,
            what,
            from,
            to,
            told: 0,
        }
    }

    /// Work on `height` is done.
    fn reached(&mut self, height: u64) {
        let done = height.saturating_add(1).saturating_sub(self.from);
        let all = self.to.saturating_add(1).saturating_sub(self.from).max(1);
        let tenths = done.saturating_mul(10) / all;
        if tenths > self.told && all >= 1_000 {
            let text = format!("  {} block {height} of {}", self.what, self.to);
            self.context.output.note(&text);
            self.told = tenths;
        }
    }
}

/// Writes a number of bytes for people.
fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut tenths, mut unit) = (bytes, 0, 0);
    while value >= 1024 && unit + 1 < UNITS.len() {
        tenths = value % 1024 * 10 / 1024;
        value /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{value} B"),
        _ => format!("{value}.{tenths} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::show_bytes;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_fits() {
        let shown = [0, 1023, 1024, 1536, 5 << 20, (3 << 30) + (1 << 29)].map(show_bytes);
        let expected = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.5 GiB"];
        assert_eq!(shown, expected);
    }
}
