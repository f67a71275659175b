//! `starling account`: look at accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::address::AccountId;

use crate::context::{Context, Node};
use crate::error::Outcome;
use crate::network::Network;
use crate::rpc::{parse, reply};
use crate::verify::Verifier;

const EXAMPLES: &str = "\
Examples:
  starling account show alice
  starling account show starlocal1q… --json";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling account show alice          by the name of a key
  starling account show starlocal1q… --json | jq .data.balance_base
  starling account show carol --node http://127.0.0.1:7102 --genesis genesis.toml

The answer is verified against the genesis: the one of the local testnet, or the one of --genesis.";

/// `starling account …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Show the balance and the next nonce, verified.
    #[command(after_help = EXAMPLES_SHOW)]
    Show {
        /// Name of a key, or an address.
        account: String,
        /// Genesis of the network, to verify against.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// What the ledger holds for an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    /// Base units.
    pub(crate) balance: u64,
    /// The block whose state this is.
    pub(crate) height: u64,
    /// Whether it is proven against the genesis.
    pub(crate) verified: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`](crate::exit::Exit::Verification) if the node's proof does not hold.
pub(crate) fn run(context: &Context, args: &AccountArgs) -> Outcome {
    let AccountCommand::Show { account, genesis } = &args.command;
    let node = context.connect()?;
    let network = context.network(&node, genesis.as_deref())?;
    let names = context.names(&network)?;
    let id = names.account(account)?;
    let address = id.to_address(network.kind);
    let mut answer = node.rpc.call("account", &json!({"address": address}))?;
    let told: reply::Account = parse("account", answer.clone())?;
    let holding = check(&network, &id, &told)?;
    answer["verified"] = json!(holding.verified);
    answer["address"] = json!(address);
    let waiting = match told.next_nonce - told.nonce.min(told.next_nonce) {
        0 => String::new(),
        count => format!(", {count} more waiting in the mempool"),
    };
    let known = if told.exists {
        ""
    } else {
        "  (nothing on the ledger yet)"
    };
    let text = format!(
        "{account}  {address}{known}\n  balance  {}\n  nonce    {}{waiting}\n  block    {} · {}",
        network.unit.full(holding.balance),
        told.nonce,
        holding.height,
        verified_words(holding.verified)
    );
    context.output.result(&answer, &text);
    context
        .output
        .next(&format!("starling send {account} bob 1"));
    Ok(())
}

/// Asks `node` for an account, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`](crate::exit::Exit::Verification).
pub(crate) fn holding(node: &Node, network: &Network, account: &AccountId) -> Outcome<Holding> {
    check(network, account, &ask(node, network, account)?)
}

/// Asks `node` for an account.
///
/// # Errors
/// Those of the call.
pub(crate) fn ask(node: &Node, network: &Network, account: &AccountId) -> Outcome<reply::Account> {
    let address = account.to_address(network.kind);
    node.rpc.typed("account", &json!({"address": address}))
}

/// Says whether and how an answer was verified.
pub(crate) const fn verified_words(verified: bool) -> &'static str {
    if verified {
        "verified against the genesis"
    } else {
        "not verified: no genesis of this network here (--genesis FILE)"
    }
}

fn check(network: &Network, account: &AccountId, told: &reply::Account) -> Outcome<Holding> {
    if let Some(genesis) = &network.genesis {
        Verifier::new(genesis).account(account, told)?;
    }
    Ok(Holding {
        balance: told.balance_base,
        height: told.height,
        verified: network.genesis.is_some(),
    })
}
