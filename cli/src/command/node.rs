//! `starling node`: run a node.

mod stop;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::light::Checkpoint;
use starling_node::http::HostName;
use starling_node::memory::{MemoryPlan, Part};
use starling_node::runtime::{self, LostLines, RuntimeConfig};
use starling_store::{OpenOptions, RocksStorage, Watch};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use crate::config::{HTTP, LISTEN, NodeConfig};
use crate::context::Context;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::log_writer::LogWriter;
use crate::node_exit;
use crate::{folders, genesis_file, key_file, neighbours};

use stop::Stop;

const EXAMPLES: &str = "\
Examples:
  starling node run --config node.toml
  starling node run --genesis genesis.toml --data-dir ./n5 --peer 192.0.2.7:7000";
const EXAMPLES_RUN: &str = "\
Examples:
  starling node run --config node.toml
  starling node run --genesis genesis.toml --data-dir ./n5 --peer 127.0.0.1:7201 \\
      --listen 127.0.0.1:7305 --http 127.0.0.1:7405

One peer's address is enough to join. --checkpoint HEIGHT:HASH, from somebody you trust, is compared
with the block of that height, which is stored or still to come: the node stops at another one, with
exit code 9, and keeps nothing above it. A node that is new, or slept for longer than the trust
period, needs one to know that validators who left do not write its history.

Flags win over the environment (STARLING_LISTEN, STARLING_HTTP, STARLING_HTTP_HOSTS, STARLING_LOG,
STARLING_MEMORY_MIB, STARLING_KEEP_BLOCKS, STARLING_HISTORY_INDEX, STARLING_SNAPSHOT_EPOCHS,
STARLING_DATA_DIR), and that over the config file.
Keys of the file:
data_dir, genesis, listen, http, http_hosts, peers, validator_key, node_key, log, memory_mib,
keep_blocks, history_index, snapshot_epochs; paths are relative to it.";

/// One line per block: the agreement engine's own remarks begin at debug.
const DEFAULT_LOG: &str = "info,arc_malachitebft_core_consensus=warn";

/// `starling node …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Run a node until Ctrl-C, SIGTERM, or its terminal is closed.
    Run(RunArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES_RUN)]
struct RunArgs {
    /// Config file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The network's genesis.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Where neighbours reach this node (UDP) [default: port 7000 of every interface].
    #[arg(long, value_name = "ADDRESS", env = "STARLING_LISTEN", hide_env = true)]
    listen: Option<SocketAddr>,
    /// Where to serve HTTP [default: 127.0.0.1:7100].
    #[arg(long, value_name = "ADDRESS", env = "STARLING_HTTP", hide_env = true)]
    http: Option<SocketAddr>,
    /// A name this node is reached by over HTTP, as through a proxy; may be repeated. Its
    /// addresses and `localhost` need none; requests that come by another name are refused, since
    /// a page in a browser could have made it point here.
    #[arg(
        long = "http-host",
        value_name = "NAME",
        env = "STARLING_HTTP_HOSTS",
        hide_env = true,
        value_delimiter = ','
    )]
    http_hosts: Vec<String>,
    /// Where neighbours are told to dial this node, behind a router that forwards a port [default:
    /// where it listens]; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    advertise: Vec<SocketAddr>,
    /// A neighbour to dial, as HOST:PORT or PEERID@HOST:PORT, the host an IP or a name; may be
    /// repeated.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// Key to vote with; without one this is a full node that does not vote.
    #[arg(long, value_name = "FILE")]
    validator_key: Option<PathBuf>,
    /// Key to be known by; made in the data folder if there is none.
    #[arg(long, value_name = "FILE")]
    node_key: Option<PathBuf>,
    /// What to log: error, warn, info, debug, or a filter such as `starling_node=debug`.
    #[arg(long, value_name = "FILTER", env = "STARLING_LOG", hide_env = true)]
    log: Option<String>,
    /// How much memory the node takes, in MiB; all its caches and queues are sized by it [default:
    /// 256].
    #[arg(long, value_name = "MIB", env = "STARLING_MEMORY_MIB", hide_env = true)]
    memory_mib: Option<u32>,
    /// How many of the last blocks to keep [default: all].
    #[arg(long, value_name = "N", env = "STARLING_KEEP_BLOCKS", hide_env = true)]
    keep_blocks: Option<u64>,
    /// Whether to keep an index of each account's transactions, for `account history` [default:
    /// true].
    #[arg(
        long,
        value_name = "BOOL",
        env = "STARLING_HISTORY_INDEX",
        hide_env = true
    )]
    history_index: Option<bool>,
    /// Make a snapshot of the state every so many epochs, in `snapshots/` of the data folder, where
    /// the last two are kept; 0 makes none [default: 0].
    #[arg(
        long,
        value_name = "N",
        env = "STARLING_SNAPSHOT_EPOCHS",
        hide_env = true
    )]
    snapshot_epochs: Option<u64>,
    /// Sign at once, although this folder remembers no signature: you vouch that no other copy of
    /// this validator runs or has run since.
    #[arg(long)]
    sign_at_once: bool,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_parent: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Config`], [`Exit::Locked`], [`Exit::PortInUse`], [`Exit::WrongNetwork`] and what stops
/// a node later, each with its own code.
pub(crate) fn run(context: &Context, args: &NodeArgs) -> Outcome {
    let NodeCommand::Run(args) = &args.command;
    let config = configure(context, args)?;
    let lost_lines = LostLines::default();
    // Dropped after the last line of the node, and before the error it ends with is printed.
    let _log = log_to_stderr(context, config.log.as_deref(), &lost_lines)?;
    // First, so that a signal that comes early is no unclean end.
    let (stop, stopped) = Stop::listen(args.exit_with_parent)?;
    let vouched_for = context.global.checkpoint;
    let (runtime, ledger) = open(&config, args.sign_at_once, vouched_for)?;
    let runtime = RuntimeConfig {
        lost_lines,
        ..runtime
    };
    let (listen, http) = (runtime.listen, runtime.http);
    let ready = |_: &runtime::NodeHandle| info!(%listen, %http, "ready");
    let ended = runtime::run(runtime, stopped, ready);
    if !ledger.is_closed() {
        // What ends a process would be pulled from under whoever it is.
        error!("something still reads the ledger: this is a bug of this program");
    }
    ended.map_err(|error| node_exit::of(&error))?;
    stop.tell_end();
    Ok(())
}

/// Puts file, environment and flags together.
fn configure(context: &Context, args: &RunArgs) -> Outcome<NodeConfig> {
    let file = match &args.config {
        Some(path) => NodeConfig::read(path)?,
        None => NodeConfig::default(),
    };
    let peers = (!args.peers.is_empty()).then(|| args.peers.clone());
    let advertise = (!args.advertise.is_empty()).then(|| args.advertise.clone());
    let http_hosts = (!args.http_hosts.is_empty()).then(|| args.http_hosts.clone());
    Ok(file.overridden_by(NodeConfig {
        data_dir: context.global.data_dir.clone(),
        genesis: args.genesis.clone(),
        listen: args.listen,
        http: args.http,
        advertise,
        http_hosts,
        peers,
        validator_key: args.validator_key.clone(),
        node_key: args.node_key.clone(),
        log: args.log.clone(),
        memory_mib: args.memory_mib,
        keep_blocks: args.keep_blocks,
        history_index: args.history_index,
        snapshot_epochs: args.snapshot_epochs,
    }))
}

/// Reads what the config names, and takes the data folder.
fn open(
    config: &NodeConfig,
    sign_at_once: bool,
    vouched_for: Option<Checkpoint>,
) -> Outcome<(RuntimeConfig, Watch)> {
    let missing = |what: &str, flag: &str| {
        CliError::new(Exit::Config, format!("a node needs a {what}")).next(format!(
            "starling node run {flag} …, or a config file with that key"
        ))
    };
    let genesis = config.genesis.as_ref();
    let genesis = genesis_file::read(genesis.ok_or_else(|| missing("genesis", "--genesis FILE"))?)?;
    let data_dir = config.data_dir.clone();
    let data_dir = data_dir.ok_or_else(|| missing("data folder", "--data-dir DIR"))?;
    let listen = address(config.listen, LISTEN);
    let http = address(config.http, HTTP);
    let http_hosts = http_hosts(config)?;
    let (peers, named_peers) = neighbours::parse(config.peers.as_deref().unwrap_or_default())?;
    neighbours::expect_reachable(listen, &peers)?;
    let advertise = neighbours::advertised(config.advertise.as_deref().unwrap_or_default())?;
    let validator_key = config.validator_key.as_ref();
    let validator_key = validator_key.map(|path| key_file::read(path)).transpose()?;
    if sign_at_once && validator_key.is_none() {
        let message = "--sign-at-once without a key to sign with";
        return Err(CliError::usage(message).next("name it with --validator-key FILE"));
    }
    let memory = memory(config)?;
    folders::create_private(&data_dir)?;
    let storage = RocksStorage::open(&data_dir.join("ledger"), &store_options(memory));
    let storage = storage.map_err(|error| node_exit::storage(&error))?;
    let watch = storage.watch();
    let storage = Arc::new(storage);
    let open = Arc::downgrade(&storage);
    let checkpoint: runtime::Checkpoint =
        Arc::new(move |folder| open.upgrade().map(|storage| storage.checkpoint(folder)));
    let node_key = node_key(config.node_key.as_deref(), &data_dir)?;
    info!(
        network = genesis.name,
        genesis = %genesis.hash(),
        data = %data_dir.display(),
        validator = validator_key.is_some(),
        "starling {}", env!("CARGO_PKG_VERSION")
    );
    let config = RuntimeConfig {
        data_dir,
        genesis,
        storage,
        node_key,
        validator_key,
        sign_at_once,
        listen,
        http,
        advertise,
        http_hosts,
        peers,
        named_peers,
        vouched_for,
        keep_blocks: config.keep_blocks,
        history_index: config.history_index.unwrap_or(true),
        checkpoint: Some(checkpoint),
        snapshot_epochs: config.snapshot_epochs.unwrap_or(0),
        memory,
        lost_lines: LostLines::default(),
    };
    Ok((config, watch))
}

fn address(given: Option<SocketAddr>, default: &str) -> SocketAddr {
    given.unwrap_or_else(|| default.parse().expect("the defaults are addresses"))
}

/// Divides the memory that the config gives.
fn memory(config: &NodeConfig) -> Outcome<MemoryPlan> {
    let Some(mib) = config.memory_mib else {
        return Ok(MemoryPlan::default());
    };
    MemoryPlan::new(mib).exit(Exit::Config)
}

/// Opens the store within its part of the memory.
fn store_options(memory: MemoryPlan) -> OpenOptions {
    OpenOptions {
        cache_bytes: memory.bytes(Part::StoreCache),
        memtables_bytes_max: memory.bytes(Part::StoreTables),
        ..OpenOptions::default()
    }
}

/// Reads the names this node goes by.
fn http_hosts(config: &NodeConfig) -> Outcome<Vec<HostName>> {
    let names = config.http_hosts.iter().flatten();
    let names = names.map(|name| name.parse::<HostName>().exit(Exit::Config));
    names.collect()
}

/// Reads the key this node is known by; makes one where none is named and none is there.
fn node_key(named: Option<&Path>, data_dir: &Path) -> Outcome<SecretKey> {
    if let Some(path) = named {
        return key_file::read(path);
    }
    let path = data_dir.join("node.key");
    if !path.exists() {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).exit(Exit::Failure)?;
        let key = SecretKey::from_bytes(&seed);
        key_file::write(&path, &key)?;
        info!(public_key = %key.public_key(), "made a node key");
        return Ok(key);
    }
    key_file::read(&path)
}

/// Begins the log, which is written until what is returned is dropped.
fn log_to_stderr(context: &Context, filter: Option<&str>, lost: &LostLines) -> Outcome<LogWriter> {
    let default = match (context.global.quiet, context.global.verbose) {
        (true, _) => "error",
        (_, 0) => filter.map_or(DEFAULT_LOG, |filter| {
            if filter == "info" {
                DEFAULT_LOG
            } else {
                filter
            }
        }),
        (_, 1) => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_new(default).map_err(|error| {
        let message = format!("`{default}` is no log filter: {error}");
        CliError::new(Exit::Config, message).next("write error, warn, info or debug")
    })?;
    let log = LogWriter::start(io::stderr(), lost.clone()).exit(Exit::Io)?;
    let colors = context.output.has_colors();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colors)
        // It would report an error of its own by `eprintln!`, which panics on the same error.
        .log_internal_errors(false);
    subscriber
        .with_writer(log.buffer())
        .try_init()
        .exit(Exit::Failure)?;
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_a_config_error() {
        let named = |name: &str| NodeConfig {
            http_hosts: Some(vec![name.to_owned()]),
            ..NodeConfig::default()
        };
        assert_eq!(http_hosts(&named("node.example")).unwrap().len(), 1);
        for name in ["", "*", "node.example:80", "http://node.example"] {
            assert_eq!(
                http_hosts(&named(name)).unwrap_err().exit,
                Exit::Config,
                "{name}"
            );
        }
    }

    #[test]
    fn too_little_memory_is_a_config_error() {
        let with = |mib| NodeConfig {
            memory_mib: mib,
            ..NodeConfig::default()
        };
        assert_eq!(memory(&with(None)).unwrap(), MemoryPlan::default());
        assert_eq!(memory(&with(Some(512))).unwrap().mib(), 512);
        let error = memory(&with(Some(64))).unwrap_err();
        assert_eq!(error.exit, Exit::Config);
        assert!(error.message.contains("128"), "{}", error.message);
    }

    #[test]
    fn node_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = node_key(None, folder.path()).unwrap();
        let second = node_key(None, folder.path()).unwrap();
        assert_eq!(first.to_bytes(), second.to_bytes());
    }
}
