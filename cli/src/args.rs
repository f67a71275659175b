//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use starling_ledger::light::Checkpoint;

use crate::command;
use crate::duration;

const EXAMPLES: &str = "\
Examples:
  starling testnet up                  four validators on this machine
  starling send alice bob 25           pay, and wait until it is final
  starling account show alice          a balance, verified
  starling testnet kill n2             see the network go on
  starling status --json | jq .data.height";

/// A ledger without anybody in charge: run a node, pay, start a local network.
#[derive(Debug, Parser)]
#[command(name = "starling", version, max_term_width = 100, after_help = after_help())]
pub(crate) struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all commands share.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Node to talk to, as `http://HOST:PORT`; without it the running local testnet is used. Of
    /// several, with commas between, the others are asked where one falls silent.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "STARLING_NODE",
        hide_env = true
    )]
    pub(crate) node: Option<String>,
    /// Local testnet to talk to when no node is named.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "STARLING_TESTNET",
        hide_env = true,
        default_value = "local"
    )]
    pub(crate) testnet: String,
    /// Folder of keys, of the journal of `--id`, and of what was verified last.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "STARLING_DATA_DIR",
        hide_env = true
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// A block that somebody you trust vouches for: checks of a node's answers begin there.
    #[arg(long, global = true, value_name = "HEIGHT:HASH")]
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Print one JSON envelope on stdout, for errors too.
    #[arg(
        long,
        global = true,
        env = "STARLING_JSON",
        hide_env = true,
        value_parser = FalseyValueParser::new()
    )]
    pub(crate) json: bool,
    /// Print the result and nothing else.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice for even more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours; `NO_COLOR` is respected.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "STARLING_COLOR",
        hide_env = true,
        default_value = "auto"
    )]
    pub(crate) color: Color,
    /// Never ask; fail where an answer would be needed.
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// How long to wait, such as 5s or 2m.
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        env = "STARLING_TIMEOUT",
        hide_env = true,
        value_parser = duration::parse
    )]
    pub(crate) timeout: Option<Duration>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Also into pipes.
    Always,
    /// Not at all.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start, break and restart a network of several validators on this machine.
    Testnet(command::testnet::TestnetArgs),
    /// Pay, and wait until it is final.
    Send(command::send::SendArgs),
    /// Notarize digests, and show what was notarized.
    Record(command::record::RecordArgs),
    /// Look at accounts, and decide who may act for one.
    Account(command::account::AccountArgs),
    /// Hold accounts together: m of n keys sign.
    Multisig(command::multisig::MultisigArgs),
    /// Build, sign and submit transactions one by one, and look at them.
    Tx(command::tx::TxArgs),
    /// Become a validator, leave, return, and look who is one.
    Stake(command::stake::StakeArgs),
    /// Say what a receipt proves, without any node.
    Verify(command::verify::VerifyArgs),
    /// Show a block.
    Block(command::block::BlockArgs),
    /// Show how a node and its network are.
    Status(command::status::StatusArgs),
    /// Show a node's neighbours.
    Peers(command::peers::PeersArgs),
    /// Show who agrees on blocks, and whether they are there.
    Validators(command::validators::ValidatorsArgs),
    /// Make and look at keys.
    Key(command::key::KeyArgs),
    /// Make and check the birth document of a network.
    Genesis(command::genesis::GenesisArgs),
    /// Look after the ledger on this machine's disk.
    Db(command::db::DbArgs),
    /// Run a node.
    Node(command::node::NodeArgs),
    /// Send many transfers and measure how long they take.
    Load(command::load::LoadArgs),
    /// Make, check and restore snapshots of a node's state.
    Snapshot(command::snapshot::SnapshotArgs),
}

fn after_help() -> String {
    let environment = "Environment: STARLING_NODE, STARLING_TESTNET, STARLING_DATA_DIR, \
                       STARLING_JSON, STARLING_COLOR, STARLING_TIMEOUT; NO_COLOR";
    format!("{EXAMPLES}\n\n{environment}\n{}", crate::exit::help())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Examples:"), "{path} has no examples");
            for child in command.get_subcommands() {
                check(child, &path);
            }
        }
        check(&Cli::command(), "");
    }
}
