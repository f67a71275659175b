//! `starling multisig`: accounts that several people hold together.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::address::NetworkKind;

use crate::authority::{describe, policy, show};
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::key_store::KeyStore;
use crate::names;

use super::tx::sign::{self, SignArgs};

const EXAMPLES: &str = "\
Examples:
  starling multisig new 2 alice bob carol --name board
  starling send alice board 100        give the account something
  starling tx build board --pay bob 25 --output rent.toml
  starling multisig sign rent.toml --key alice --output rent-alice.toml
  starling multisig sign rent.toml --key bob --output rent-bob.toml
  starling multisig combine rent-alice.toml rent-bob.toml --output rent-signed.toml
  starling tx submit rent-signed.toml
  starling send board bob 25           the same, where this machine holds enough of the keys";
const EXAMPLES_NEW: &str = "\
Examples:
  starling multisig new 2 alice bob carol              any two of three
  starling multisig new 2 alice bob carol --name board
  starling multisig new 3 alice 6fc4…e1 9a01…77 44d2…0b --name trustees   keys of others, in hex

Nothing is sent: the account exists as soon as something is paid to its address. The order of the
keys does not matter. To put an existing account under a policy: starling account set-authority.";
const EXAMPLES_COMBINE: &str = "\
Examples:
  starling multisig combine rent-alice.toml rent-bob.toml --output rent-signed.toml";

/// `starling multisig …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MultisigArgs {
    #[command(subcommand)]
    command: MultisigCommand,
}

#[derive(Debug, Subcommand)]
enum MultisigCommand {
    /// Make a policy of M among several keys, and show its address.
    #[command(after_help = EXAMPLES_NEW)]
    New {
        /// How many of the keys have to sign.
        m: u8,
        /// The keys, by name or as 64 hex digits; at most 16.
        #[arg(required = true, num_args = 1..=16)]
        keys: Vec<String>,
        /// How to call it: a-z, 0-9 and -; the first digits of its hash if left out.
        #[arg(long)]
        name: Option<String>,
    },
    /// Sign a transaction file with one key; the same as `tx sign`.
    Sign(SignArgs),
    /// Put the signatures of several copies into one file.
    #[command(after_help = EXAMPLES_COMBINE)]
    Combine {
        /// The copies.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where to write the combined file.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Genesis of the network.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Key`] for keys and names that cannot be used; those of signing.
pub(crate) fn run(context: &Context, args: &MultisigArgs) -> Outcome {
    match &args.command {
        MultisigCommand::New { m, keys, name } => new(context, (*m, keys), name.as_deref()),
        MultisigCommand::Sign(args) => sign::run(context, args),
        MultisigCommand::Combine {
            files,
            output,
            genesis,
        } => sign::combine(context, (files, output), genesis.as_deref()),
    }
}

fn new(context: &Context, (m, keys): (u8, &[String]), name: Option<&str>) -> Outcome {
    if let Some(name) = name
        && (names::is_public(name) || KeyStore::open(&context.global).has(name))
    {
        let message = format!("`{name}` is the name of a key already");
        return Err(CliError::new(Exit::Key, message).next("choose another name"));
    }
    let names = context.names_for(NetworkKind::Local)?;
    let keys = keys.iter().map(|key| names.public(key));
    let policy = policy(m, keys.collect::<Outcome<_>>()?)?;
    let kept = names.policies().keep(name, &policy)?;
    let address = |kind: NetworkKind| kept.account().to_address(kind);
    let written = show(&kept.authority);
    let text = format!(
        "{}  {}\n  {}\n  policy   {written}\n  address  {} on test networks\n  address  {} on main \
         networks",
        kept.name,
        address(NetworkKind::Local),
        describe(&kept.authority, &names),
        address(NetworkKind::Test),
        address(NetworkKind::Main)
    );
    let data = json!({
        "name": kept.name,
        "policy": written,
        "threshold": m,
        "keys": policy.keys().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "authority": kept.authority.hash().to_string(),
        "address": address(NetworkKind::Local),
        "addresses": {
            "local": address(NetworkKind::Local),
            "test": address(NetworkKind::Test),
            "main": address(NetworkKind::Main),
        },
    });
    context.output.result(&data, &text);
    let next = format!("starling send alice {} 100", kept.name);
    context.output.next(&next);
    Ok(())
}
