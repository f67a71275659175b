//! `starling genesis`: make and check the birth document of a network.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use starling_ledger::genesis::Genesis;

use crate::amount::Unit;
use crate::context::Context;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
use crate::key_file::kind_name;
use crate::testnet::birth::{self, Pace};

const EXAMPLES: &str = "\
Examples:
  starling genesis new --validators 4 --output genesis.toml
  starling genesis check genesis.toml
  starling genesis hash genesis.toml";
const EXAMPLES_NEW: &str = "\
Examples:
  starling genesis new                 print a local network of four validators
  starling genesis new --name garden --validators 7 --output genesis.toml
  starling genesis new --epoch-blocks 20 --unbonding 1m   validators change quickly

What is made has the public keys of local networks (n1, n2, …, alice, bob). For another network,
take it as a pattern: genesis/README.md explains every key; then: starling genesis check FILE.";
const EXAMPLES_CHECK: &str = "\
Examples:
  starling genesis check genesis.toml
  starling genesis check genesis.toml --json | jq .data.hash";
const EXAMPLES_HASH: &str = "\
Examples:
  starling genesis hash genesis.toml   the network's id: all its nodes must have the same";

/// `starling genesis …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GenesisArgs {
    #[command(subcommand)]
    command: GenesisCommand,
}

#[derive(Debug, Subcommand)]
enum GenesisCommand {
    /// Make a genesis for a local network.
    #[command(after_help = EXAMPLES_NEW)]
    New {
        /// The network's name.
        #[arg(long, default_value = "local")]
        name: String,
        /// Number of validators.
        #[arg(long, value_name = "N", default_value_t = 4)]
        validators: u16,
        #[command(flatten)]
        pace: Pace,
        /// Where to write it; stdout if left out.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check a genesis, and say what is in it.
    #[command(after_help = EXAMPLES_CHECK)]
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print the network's id: the hash of the genesis.
    #[command(after_help = EXAMPLES_HASH)]
    Hash {
        /// The file.
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Config`] names the key or the rule that is wrong.
pub(crate) fn run(context: &Context, args: &GenesisArgs) -> Outcome {
    match &args.command {
        GenesisCommand::New {
            name,
            validators,
            pace,
            output,
        } => {
            let genesis = birth::local(name, *validators, *pace)?;
            new(context, &genesis, output.as_deref())
        }
        GenesisCommand::Check { file } => check(context, file),
        GenesisCommand::Hash { file } => {
            let hash = genesis_file::read(file)?.hash().to_string();
            context.output.result(&json!({"hash": hash}), &hash);
            context
                .output
                .next(&format!("starling genesis check {}", file.display()));
            Ok(())
        }
    }
}

fn new(context: &Context, genesis: &Genesis, output: Option<&Path>) -> Outcome {
    let mut data = describe(genesis)?;
    let Some(path) = output else {
        data["toml"] = json!(genesis.to_toml());
        context.output.result(&data, genesis.to_toml().trim_end());
        context.output.next("starling genesis new --output FILE");
        return Ok(());
    };
    if path.exists() {
        let message = format!("{} exists; a genesis is never overwritten", path.display());
        return Err(CliError::usage(message).next("choose another file"));
    }
    genesis_file::write(path, genesis)?;
    data["file"] = json!(path.display().to_string());
    let text = format!("{}  {}", path.display(), genesis.hash());
    context.output.result(&data, &text);
    context
        .output
        .next(&format!("starling genesis check {}", path.display()));
    Ok(())
}

fn check(context: &Context, file: &Path) -> Outcome {
    let genesis = genesis_file::read(file)?;
    let data = describe(&genesis)?;
    let unit = Unit {
        symbol: genesis.symbol.clone(),
        decimals: genesis.decimals,
    };
    let text = format!(
        "{} is a valid genesis\n  network     {} ({})\n  hash        {}\n  supply      {}\n  \
         validators  {}\n  accounts    {}",
        file.display(),
        genesis.name,
        kind_name(genesis.kind),
        genesis.hash(),
        unit.full(genesis.supply().exit(Exit::Config)?),
        genesis.validators.len(),
        genesis.accounts.len()
    );
    context.output.result(&data, &text);
    context.output.next("starling node run --config FILE");
    Ok(())
}

fn describe(genesis: &Genesis) -> Outcome<Value> {
    Ok(json!({
        "hash": genesis.hash().to_string(),
        "network": genesis.name,
        "kind": kind_name(genesis.kind),
        "symbol": genesis.symbol,
        "decimals": genesis.decimals,
        "supply_base": genesis.supply().exit(Exit::Config)?,
        "validators": genesis.validators.len(),
        "accounts": genesis.accounts.len(),
    }))
}
