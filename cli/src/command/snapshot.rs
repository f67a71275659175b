//! `starling snapshot`: the state in files, which prove themselves.

mod make;
mod restore;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use starling_ledger::genesis::Genesis;
use starling_ledger::light::{Checkpoint, LightError};
use starling_ledger::snapshot::SnapshotError;
use starling_node::runtime::snapshot_files::SnapshotFileError;

use crate::config::NodeConfig;
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::{folders, genesis_file, node_exit};

const EXAMPLES: &str = "\
Examples:
  starling snapshot make n1
  starling snapshot list --config node.toml
  starling snapshot verify data/snapshots/1000 --genesis genesis.toml
  starling snapshot restore data/snapshots/1000 --config fresh/node.toml

NODE is a node of the local testnet; elsewhere name the folder with --data-dir or --config.";
const EXAMPLES_MAKE: &str = "\
Examples:
  starling snapshot make n1
  starling snapshot make --data-dir ./n5 --to /backup/starling

Works beside a running node, which goes on. A node makes snapshots by itself every so many epochs
with the key snapshot_epochs in its config.";
const EXAMPLES_LIST: &str = "\
Examples:
  starling snapshot list n1
  starling snapshot list --data-dir ./n5 --json | jq .data.snapshots[].height";
const EXAMPLES_VERIFY: &str = "\
Examples:
  starling snapshot verify data/snapshots/1000 --genesis genesis.toml
  starling snapshot verify data/snapshots/1000 --genesis genesis.toml --checkpoint 1000:5f2e…

Checks the certificate of the block, and every chunk against the state root that it names.
Without a checkpoint the validators of the genesis must have signed that block.";
const EXAMPLES_RESTORE: &str = "\
Examples:
  starling snapshot restore data/snapshots/1000 --config node.toml
  starling snapshot restore /backup/starling/1000 --genesis genesis.toml --data-dir ./n6

The node must be stopped. The new ledger is made beside the old one, checked as `snapshot verify`
does, and takes its place in one step; until then the old one is untouched. Consensus log, sign
guard and keys stay as they are. Blocks up to the snapshot's height are not in a snapshot: this node
answers \"pruned\" for them.";

/// `starling snapshot …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// Make a snapshot of a node's ledger as it is now.
    #[command(after_help = EXAMPLES_MAKE)]
    Make {
        #[command(flatten)]
        node: NodeFolder,
        /// Folder for it, instead of `snapshots/` in the data folder, where a node keeps two.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// List the snapshots of a node.
    #[command(after_help = EXAMPLES_LIST)]
    List {
        #[command(flatten)]
        node: NodeFolder,
    },
    /// Check a snapshot from its first to its last byte; nothing is written.
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify {
        /// The folder of the snapshot.
        snapshot: PathBuf,
        #[command(flatten)]
        trust: Trust,
        /// Config file of a node, which names the genesis.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Put a node's ledger where a snapshot was taken.
    #[command(after_help = EXAMPLES_RESTORE)]
    Restore {
        /// The folder of the snapshot.
        snapshot: PathBuf,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        node: NodeFolder,
        /// Restore although the ledger there is as far or further.
        #[arg(long)]
        force: bool,
    },
}

/// Whose ledger it is about, unless `--data-dir` says so.
#[derive(Debug, Args)]
struct NodeFolder {
    /// A node of the local testnet, such as n1.
    #[arg(id = "local_node", value_name = "NODE")]
    node: Option<String>,
    /// Config file of the node.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is known before a snapshot is.
#[derive(Debug, Args)]
struct Trust {
    /// The network's genesis.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// The block of the snapshot, from somebody you trust.
    #[arg(long, value_name = "HEIGHT:HASH")]
    checkpoint: Option<Checkpoint>,
}

/// What a snapshot is checked against.
struct Known {
    genesis: Genesis,
    checkpoint: Option<Checkpoint>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] where a snapshot is not what it says, [`Exit::DiskFull`],
/// [`Exit::Locked`] and the errors of files.
pub(crate) fn run(context: &Context, args: &SnapshotArgs) -> Outcome {
    match &args.command {
        SnapshotCommand::Make { node, to } => {
            make::make(context, &data_dir(context, node)?, to.as_deref())
        }
        SnapshotCommand::List { node } => make::list(context, &data_dir(context, node)?),
        SnapshotCommand::Verify {
            snapshot,
            trust,
            config,
        } => verify::run(
            context,
            snapshot,
            &known(context, trust, config.as_deref())?,
        ),
        SnapshotCommand::Restore {
            snapshot,
            trust,
            node,
            force,
        } => {
            let known = known(context, trust, node.config.as_deref())?;
            let data_dir = data_dir(context, node)?;
            let target = restore::Target {
                ledger: data_dir.join("ledger"),
                side: data_dir.join("ledger.restore"),
                data_dir,
                force: *force,
            };
            restore::run(context, snapshot, known, &target)
        }
    }
}

/// Finds the data folder of the node.
fn data_dir(context: &Context, named: &NodeFolder) -> Outcome<PathBuf> {
    let ways = [
        named.node.is_some(),
        named.config.is_some(),
        context.global.data_dir.is_some(),
    ];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        let message = "name the node's folder once: NODE, --config or --data-dir";
        return Err(CliError::usage(message));
    }
    if let Some(node) = &named.node {
        folders::check_name("node", node)?;
        return Ok(context.testnet()?.path().join(node).join("data"));
    }
    let folder = match &named.config {
        Some(path) => NodeConfig::read(path)?.data_dir,
        None => context.global.data_dir.clone(),
    };
    folder.ok_or_else(|| {
        CliError::usage("which node? name one of the local testnet, --data-dir or --config")
    })
}

/// Reads the genesis, and what vouches for a snapshot.
fn known(context: &Context, trust: &Trust, config: Option<&Path>) -> Outcome<Known> {
    let named = match (&trust.genesis, config) {
        (Some(genesis), _) => Some(genesis.clone()),
        (None, Some(config)) => NodeConfig::read(config)?.genesis,
        (None, None) => None,
    };
    let genesis = named.ok_or_else(|| {
        CliError::usage("no genesis named")
            .next("name the network's with --genesis FILE, or a config with --config FILE")
    })?;
    Ok(Known {
        genesis: genesis_file::read(&genesis)?,
        // The same flag, typed before the command or after it.
        checkpoint: trust.checkpoint.or(context.global.checkpoint),
    })
}

/// Gives an error of the files of a snapshot its exit code.
fn files_exit(error: &SnapshotFileError) -> CliError {
    let message = error.to_string();
    match error {
        _ if error.is_no_space() => CliError::new(Exit::DiskFull, message).next("make room first"),
        SnapshotFileError::Io { .. } => CliError::new(Exit::Io, message),
        SnapshotFileError::Chain(error) => node_exit::chain(error),
        SnapshotFileError::State(_) => CliError::new(Exit::Corrupt, message),
        SnapshotFileError::Genesis => CliError::new(Exit::Failure, message),
        SnapshotFileError::Snapshot { source, .. } => CliError {
            message,
            ..snapshot_exit(source)
        },
        _ => CliError::new(Exit::Verification, message),
    }
}

/// Gives a snapshot that is refused its exit code.
fn snapshot_exit(error: &SnapshotError) -> CliError {
    let message = error.to_string();
    match error {
        SnapshotError::Network { .. } => CliError::new(Exit::WrongNetwork, message)
            .next("name the genesis of the snapshot's network with --genesis FILE"),
        SnapshotError::Version { .. } => CliError::new(Exit::Config, message)
            .next("use the release that made it, or make it anew"),
        SnapshotError::Light(error) => light_exit(error),
        SnapshotError::Chain(error) => node_exit::chain(error),
        _ => CliError::new(Exit::Verification, message)
            .next("the files are damaged or forged: get the snapshot again, from somebody else"),
    }
}

/// Says what is to be done where nobody vouches for the block of a snapshot.
fn light_exit(error: &LightError) -> CliError {
    let refused = CliError::new(Exit::Verification, error.to_string());
    match error {
        LightError::Validators { .. }
        | LightError::TrustedPower { .. }
        | LightError::Expired { .. } => refused.next(
            "the validators changed since the genesis: get the hash of the snapshot's block from \
             somebody you trust, and name it with --checkpoint HEIGHT:HASH",
        ),
        _ => refused,
    }
}
