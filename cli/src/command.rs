//! The commands: one file per noun.

pub(crate) mod account;
pub(crate) mod block;
pub(crate) mod db;
pub(crate) mod genesis;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod multisig;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod record;
pub(crate) mod send;
pub(crate) mod snapshot;
pub(crate) mod stake;
pub(crate) mod status;
pub(crate) mod testnet;
pub(crate) mod tx;
pub(crate) mod validators;
pub(crate) mod verify;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::output::Output;

/// Runs the command that was typed, and says how the process ends.
///
/// # Errors
/// What went wrong, with the exit code.
pub(crate) fn run(cli: &Cli, output: Output) -> Outcome<Exit> {
    let context = Context {
        global: cli.global.clone(),
        output,
    };
    match &cli.command {
        Command::Testnet(args) => testnet::run(&context, args),
        Command::Send(args) => send::run(&context, args),
        Command::Account(args) => account::run(&context, args),
        Command::Record(args) => record::run(&context, args),
        Command::Multisig(args) => multisig::run(&context, args),
        Command::Stake(args) => stake::run(&context, args),
        Command::Tx(args) => tx::run(&context, args),
        Command::Verify(args) => verify::run(&context, args),
        Command::Block(args) => block::run(&context, args),
        Command::Status(args) => return status::run(&context, args),
        Command::Peers(args) => peers::run(&context, args),
        Command::Validators(args) => validators::run(&context, args),
        Command::Key(args) => key::run(&context, args),
        Command::Genesis(args) => genesis::run(&context, args),
        Command::Db(args) => db::run(&context, args),
        Command::Node(args) => node::run(&context, args),
        Command::Load(args) => load::run(&context, args),
        Command::Snapshot(args) => snapshot::run(&context, args),
    }?;
    Ok(Exit::Ok)
}
