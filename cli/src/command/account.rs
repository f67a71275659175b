//! `starling account`: look at accounts, and decide who may act for one.

mod history;
mod set_authority;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::address::AccountId;
use starling_ledger::hash::Hash;
use starling_ledger::light::Subject;

use crate::authority::{self, describe};
use crate::context::{Context, Node};
use crate::desk::current_authority;
use crate::error::Outcome;
use crate::names::Names;
use crate::network::Network;
use crate::receipt;
use crate::rpc::{parse, reply};
use crate::testnet::birth::now_ms;
use crate::verify::{Verifier, age, state_proof, until_caught_up};

const EXAMPLES: &str = "\
Examples:
  starling account show alice
  starling account show starlocal1q… --json
  starling account set-authority alice --policy 2:alice,bob,carol
  starling account history alice";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling account show alice          by the name of a key
  starling account show starlocal1q… --json | jq .data.balance_base
  starling account show carol --node http://127.0.0.1:7102 --genesis genesis.toml
  starling account show alice --receipt alice.receipt

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
        /// Write what proves it to a new file, for `starling verify`.
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
    /// Replace who may act for an account: another key, or several.
    SetAuthority(set_authority::SetAuthorityArgs),
    /// Show an account's own transactions, verified to be all there are.
    History(history::HistoryArgs),
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
    /// The time of that block, where it is proven, milliseconds since 1970.
    pub(crate) time_ms: Option<u64>,
}

/// From when on it is said how old an answer is: networks make a block every ten seconds.
const OLD_MS: u64 = 60_000;

impl Holding {
    /// Says whether it is verified, and how old it is where that matters.
    pub(crate) fn words(&self) -> String {
        let words = verified_words(self.verified);
        let age_ms = self.time_ms.map(|time_ms| now_ms().saturating_sub(time_ms));
        match age_ms {
            Some(age_ms) if age_ms >= OLD_MS => format!("{words} · {} old", age(age_ms)),
            _ => words.to_owned(),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`](crate::exit::Exit::Verification) if the node's proof does not hold.
pub(crate) fn run(context: &Context, args: &AccountArgs) -> Outcome {
    match &args.command {
        AccountCommand::History(args) => history::run(context, args),
        AccountCommand::Show {
            account,
            genesis,
            receipt,
        } => show(context, account, (genesis.as_deref(), receipt.as_deref())),
        AccountCommand::SetAuthority(args) => set_authority::run(context, args),
    }
}

fn show(
    context: &Context,
    account: &str,
    (genesis, receipt): (Option<&Path>, Option<&Path>),
) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, genesis)?;
    let names = context.names(&network)?;
    let id = names.account(account)?;
    let address = id.to_address(network.kind);
    let (mut answer, told, holding) = until_caught_up(&node, || {
        let answer = node.rpc.call("account", &json!({"address": address}))?;
        let told: reply::Account = parse("account", answer.clone())?;
        let holding = check(&node, &network, &id, &told)?;
        Ok((answer, told, holding))
    })?;
    if let Some(path) = receipt {
        let genesis = network.known()?;
        let account = id;
        let proof = state_proof(&told.at.proof)?;
        let subject = (told.at.header.as_str(), Subject::Account { account, proof });
        return receipt::write(context, (&node, genesis), subject, path);
    }
    answer["verified"] = json!(holding.verified);
    answer["time_ms"] = json!(holding.time_ms);
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
    let current = current_authority(&id, &told)?;
    let authority = replaced_words(&names, &id, &current)?;
    answer["authority_replaced"] = json!(authority.is_some());
    let authority = authority.map_or(String::new(), |words| format!("\n  authority {words}"));
    let text = format!(
        "{account}  {address}{known}\n  balance  {}\n  nonce    {}{waiting}{authority}\n  \
         block    {} · {}",
        network.unit.full(holding.balance),
        told.nonce,
        holding.height,
        holding.words()
    );
    context.output.result(&answer, &text);
    let other = if account == "bob" { "alice" } else { "bob" };
    context
        .output
        .next(&format!("starling send {account} {other} 1"));
    Ok(())
}

/// Asks `node` for an account, and verifies the answer where the genesis is known.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`](crate::exit::Exit::Verification).
pub(crate) fn known(
    node: &Node,
    network: &Network,
    account: &AccountId,
) -> Outcome<(reply::Account, Holding)> {
    until_caught_up(node, || {
        let told = ask(node, network, account)?;
        let held = check(node, network, account, &told)?;
        Ok((told, held))
    })
}

/// Asks `node` for an account; nothing is verified.
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

/// Describes the authority of an account whose first one was replaced; `None` if it was not.
fn replaced_words(names: &Names, account: &AccountId, current: &Hash) -> Outcome<Option<String>> {
    if current.0 == account.0 {
        return Ok(None);
    }
    // The account that an authority is the first of has its hash as id.
    let words = match names.name_of(&AccountId(current.0)) {
        Some(name) => describe(&authority::parse(name, names)?, names),
        None => format!("{current}, which no key or policy of this machine is"),
    };
    Ok(Some(format!("replaced: {words}")))
}

/// Verifies an answer where the genesis is known.
///
/// # Errors
/// [`Exit::Verification`](crate::exit::Exit::Verification) says what does not fit.
fn check(
    node: &Node,
    network: &Network,
    account: &AccountId,
    told: &reply::Account,
) -> Outcome<Holding> {
    let verify = |genesis| Verifier::new(node, genesis)?.account(account, told);
    let time_ms = network.genesis.as_ref().map(verify).transpose()?;
    Ok(Holding {
        time_ms,
        balance: told.balance_base,
        height: told.at.height,
        verified: network.genesis.is_some(),
    })
}
