//! The binary `starling`: a full node, a wallet, and local test networks.
//!
//! Read it in this order: the command line (`args`), how results and errors look (`output`,
//! `error`, `exit`), what commands share (`context`, `rpc`, `names`, `verify`), one file per noun
//! in `command`, and the supervisor of local networks (`testnet`).

// The macros panic where nobody reads what they print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod again;
mod args;
mod error;
mod exit;
mod output;

mod amount;
mod authority;
mod batch;
mod config;
mod confirm;
mod context;
mod core_files;
mod date;
mod delivery;
mod desk;
mod draft;
mod duration;
mod errand;
mod fate;
mod file_digest;
mod flags;
mod folders;
mod forecast;
mod genesis_file;
mod interrupt;
mod journal;
mod key_file;
mod key_store;
mod life_line;
mod log_writer;
mod names;
mod neighbours;
mod network;
mod node_exit;
mod order;
mod policy_store;
mod quorum;
mod receipt;
mod rpc;
mod sender_turn;
mod signers;
mod terms;
mod turn;
mod tx_file;
mod verify;

mod command;
mod load;
mod testnet;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::again::Typed;
use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return unparsed(&error),
    };
    let output = Output::new(&cli.global, Typed::of(&matches));
    let usable = flags::check(&matches).and_then(|()| core_files::forbid());
    let ended = usable.and_then(|()| command::run(&cli, output));
    let exit = match ended {
        Ok(exit) => exit,
        Err(error) => {
            output.error(&error);
            error.exit
        }
    };
    ExitCode::from(told(exit, output).number())
}

/// Ends with another exit code than success where the result could not be written.
fn told(exit: Exit, output: Output) -> Exit {
    let Some(reason) = output::unwritten().filter(|_| exit == Exit::Ok) else {
        return exit;
    };
    output.warn(&format!(
        "the command was carried out, and its result cannot be written: {reason}"
    ));
    Exit::Io
}

/// Answers a command line that clap did not accept, or one that asks for help or the version.
fn unparsed(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = std::env::args_os().any(|argument| argument == "--json");
    if asked || !json {
        output::written(error.print());
    } else {
        let text = error.to_string();
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let error = CliError::usage(message).next("starling --help");
        Output::unparsed(true).error(&error);
    }
    let exit = if asked { Exit::Ok } else { Exit::Usage };
    ExitCode::from(told(exit, Output::unparsed(json)).number())
}
