//! `starling testnet`: start, break and restart a network on this machine.

mod fault;
mod overview;
mod up;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::Outcome;

const EXAMPLES: &str = "\
Examples:
  starling testnet up                  four validators, in the foreground; Ctrl-C stops them
  starling testnet up -d               the same in the background
  starling testnet kill n2             as a crash would
  starling testnet start n2
  starling testnet status
  starling testnet stop                data is kept; `up` goes on with it
  starling testnet up --testnet big --validators 7   a second one beside it";
const EXAMPLES_STATUS: &str = "\
Examples:
  starling testnet status
  starling testnet status --json | jq '.data.nodes[].height'";
const EXAMPLES_KILL: &str = "\
Examples:
  starling testnet kill n2             SIGKILL: nothing is saved on the way out
  starling testnet start n2            it comes back from its own folder";
const EXAMPLES_START: &str = "\
Examples:
  starling testnet start n2            after kill, stop, or when it ended by itself";
const EXAMPLES_PAUSE: &str = "\
Examples:
  starling testnet pause n3            frozen (SIGSTOP): alive, but silent
  starling testnet resume n3";
const EXAMPLES_STOP: &str = "\
Examples:
  starling testnet stop                in good order; data is kept
  starling testnet up                  goes on with it";
const EXAMPLES_CLEAN: &str = "\
Examples:
  starling testnet clean --yes         remove the stopped testnet \"local\" with all its data
  starling testnet clean --testnet big --yes";

/// `starling testnet …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TestnetArgs {
    #[command(subcommand)]
    command: TestnetCommand,
}

#[derive(Debug, Subcommand)]
enum TestnetCommand {
    /// Start a network, or go on with the one that was stopped.
    Up(up::UpArgs),
    /// Show the nodes and whether they can agree.
    #[command(after_help = EXAMPLES_STATUS)]
    Status,
    /// Kill a node, as a crash would.
    #[command(after_help = EXAMPLES_KILL)]
    Kill {
        /// The node, such as n2.
        #[arg(id = "local_node", value_name = "NODE")]
        node: String,
    },
    /// Start a node that does not run.
    #[command(after_help = EXAMPLES_START)]
    Start {
        /// The node, such as n2.
        #[arg(id = "local_node", value_name = "NODE")]
        node: String,
    },
    /// Freeze a node.
    #[command(after_help = EXAMPLES_PAUSE)]
    Pause {
        /// The node, such as n2.
        #[arg(id = "local_node", value_name = "NODE")]
        node: String,
    },
    /// Let a frozen node go on.
    #[command(after_help = EXAMPLES_PAUSE)]
    Resume {
        /// The node, such as n2.
        #[arg(id = "local_node", value_name = "NODE")]
        node: String,
    },
    /// Stop the network in good order; its data is kept.
    #[command(after_help = EXAMPLES_STOP)]
    Stop,
    /// Remove a stopped network with all its data.
    #[command(after_help = EXAMPLES_CLEAN)]
    Clean {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Unreachable`](crate::exit::Exit::Unreachable) if the testnet does not run.
pub(crate) fn run(context: &Context, args: &TestnetArgs) -> Outcome {
    let folder = context.testnet()?;
    match &args.command {
        TestnetCommand::Up(args) => up::run(context, &folder, args),
        TestnetCommand::Status => overview::run(context, &folder),
        TestnetCommand::Kill { node } => fault::lose(context, &folder, node, fault::Loss::Kill),
        TestnetCommand::Pause { node } => fault::lose(context, &folder, node, fault::Loss::Pause),
        TestnetCommand::Start { node } => fault::gain(context, &folder, node, fault::Gain::Start),
        TestnetCommand::Resume { node } => fault::gain(context, &folder, node, fault::Gain::Resume),
        TestnetCommand::Stop => overview::stop(context, &folder),
        TestnetCommand::Clean { yes } => overview::clean(context, &folder, *yes),
    }
}
