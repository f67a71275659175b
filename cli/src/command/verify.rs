//! `starling verify`: says what a receipt proves, without any node.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Fact, Judge, Past, Proven, Receipt, Start};
use starling_ledger::record::Record;
use starling_ledger::staking::Stake;
use starling_ledger::transaction::VerifiedTransaction;
use starling_ledger::validators::VotingPower;

use crate::context::Context;
use crate::date::date;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
use crate::names::Names;
use crate::network::Network;
use crate::receipt;
use crate::testnet::birth::now_ms;

use super::tx;

const EXAMPLES: &str = "\
Examples:
  starling verify payment.receipt --genesis genesis.toml
  starling verify payment.receipt      against the genesis of the local testnet
  starling verify old.receipt --genesis genesis.toml --checkpoint 60:3f1c…
  starling verify payment.receipt --json | jq .data.fact

Nothing is asked of any node. A receipt that no longer counts by itself, because its validators
have left long ago, counts for who knows one of its blocks from somebody else: --checkpoint.";

/// `starling verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The receipt.
    file: PathBuf,
    /// Genesis of its network.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] if the receipt does not prove what it is about; [`Exit::WrongNetwork`] if
/// the genesis is another network's, [`Exit::Config`] if there is none.
pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Outcome {
    let receipt = receipt::read(&args.file)?;
    let genesis = genesis(context, args.genesis.as_deref(), &receipt)?;
    let judge = Judge {
        scheme: &Ed25519,
        genesis: &genesis,
        checkpoint: context.global.checkpoint,
        now_ms: now_ms(),
    };
    let proven = receipt
        .verify(&judge)
        .map_err(|error| receipt::failed(&error))?;
    let network = Network::own(genesis.clone());
    let names = context.names(&network)?;
    let (text, data) = describe(&proven, &network, &names);
    context.output.result(&data, &text);
    Ok(())
}

/// Finds the genesis: the file given, or that of the local testnet if the receipt is of it.
fn genesis(context: &Context, given: Option<&Path>, receipt: &Receipt) -> Outcome<Genesis> {
    if let Some(path) = given {
        return genesis_file::read(path);
    }
    let found = context.testnet()?.genesis();
    if found.exists() {
        let genesis = genesis_file::read(&found)?;
        if genesis.hash() == receipt.genesis {
            return Ok(genesis);
        }
    }
    let message = format!(
        "no genesis to verify against: the receipt is of the network {}",
        receipt.genesis
    );
    Err(CliError::new(Exit::Config, message).next("name its genesis: --genesis FILE"))
}

/// Says what is proven: for people, and for scripts.
pub(crate) fn describe(proven: &Proven, network: &Network, names: &Names) -> (String, Value) {
    let point = &proven.point;
    let (fact, fact_data) = fact(&proven.fact, network, names);
    let (start, start_data) = match proven.start {
        Start::Genesis => ("the genesis".to_owned(), json!("genesis")),
        Start::Checkpoint(given) => {
            let words = format!("block {}, for which you vouch", given.height);
            (words, json!(given.to_string()))
        }
    };
    let text = format!(
        "PROVEN  {fact}\n  as of    block {} · {} · network {}\n  block    {}\n  rests on {start}",
        point.height(),
        date(point.time_ms()),
        network.name,
        point.hash(),
    );
    let data = json!({
        "proven": true,
        "network": network.name,
        "genesis": network.genesis_hash.to_string(),
        "height": point.height(),
        "hash": point.hash().to_string(),
        "time_ms": point.time_ms(),
        "rests_on": start_data,
        "fact": fact_data,
    });
    (text, data)
}

fn fact(fact: &Fact, network: &Network, names: &Names) -> (String, Value) {
    match fact {
        Fact::Account { account, entry } => account_fact(account, entry.as_ref(), network),
        Fact::Record {
            sender,
            digest,
            entry,
        } => record_fact((sender, digest), entry.as_ref(), network),
        Fact::Validator {
            account,
            stake,
            power,
        } => validator_fact(account, (stake.as_ref(), *power), network),
        Fact::Transaction { transaction, index } => {
            let (actions, mut data) = described(transaction, network, names);
            let id = transaction.id();
            data["kind"] = json!("transaction");
            data["index"] = json!(index);
            let text = format!("transaction {id} is in this block, at place {index}\n{actions}");
            (text, data)
        }
        Fact::History { transaction, past } => {
            let (actions, mut data) = described(transaction, network, names);
            let (words, _) = past_words(past);
            data["kind"] = json!("history");
            if let (Some(data), Value::Object(past)) = (data.as_object_mut(), past_data(past)) {
                data.extend(past);
            }
            let text = format!("transaction {} {words}\n{actions}", transaction.id());
            (text, data)
        }
    }
}

fn account_fact(
    account: &AccountId,
    entry: Option<&Account>,
    network: &Network,
) -> (String, Value) {
    let address = account.to_address(network.kind);
    let data = json!({
        "kind": "account",
        "address": address,
        "exists": entry.is_some(),
        "balance_base": entry.map(|entry| entry.balance),
        "nonce": entry.map(|entry| entry.nonce),
        "authority": entry.map(|entry| entry.authority.to_string()),
        "history": entry.map(|entry| entry.history.to_string()),
    });
    let text = match entry {
        None => format!("there is no account {address}"),
        Some(entry) => format!(
            "account {address} holds {}, next nonce {}",
            network.unit.full(entry.balance),
            entry.nonce
        ),
    };
    (text, data)
}

fn record_fact(
    (sender, digest): (&AccountId, &Hash),
    entry: Option<&Record>,
    network: &Network,
) -> (String, Value) {
    let address = sender.to_address(network.kind);
    let data = json!({
        "kind": "record",
        "address": address,
        "digest": digest.to_string(),
        "exists": entry.is_some(),
        "recorded_height": entry.map(|entry| entry.height),
        "recorded_ms": entry.map(|entry| entry.time_ms),
        "note": entry.map(|entry| entry.note.clone()),
    });
    let text = match entry {
        None => format!("{address} has made no record of {digest}"),
        Some(entry) => format!(
            "{address} recorded {digest} in block {}, {}{}",
            entry.height,
            date(entry.time_ms),
            match entry.note.as_str() {
                "" => String::new(),
                note => format!(", note {note:?}"),
            }
        ),
    };
    (text, data)
}

fn described(
    transaction: &VerifiedTransaction,
    network: &Network,
    names: &Names,
) -> (String, Value) {
    let (sender, body) = (transaction.sender(), transaction.body());
    let lines = tx::actions(sender, &body.actions, network, names);
    let data = json!({
        "id": transaction.id().to_string(),
        "sender": sender.to_address(network.kind),
        "nonce": body.nonce,
        "expires_at_ms": body.expires_at_ms,
    });
    (lines.join("\n"), data)
}

fn validator_fact(
    account: &AccountId,
    (stake, power): (Option<&Stake>, Option<VotingPower>),
    network: &Network,
) -> (String, Value) {
    let address = account.to_address(network.kind);
    let bonded = stake.map(|stake| stake.bonded);
    let data = json!({
        "kind": "validator",
        "address": address,
        "bonded_base": bonded,
        "consensus_key": stake.map(|stake| stake.consensus_key.to_string()),
        "power": power,
    });
    let stake = match bonded {
        None => "has no stake".to_owned(),
        Some(bonded) => format!("has bonded {}", network.unit.full(bonded)),
    };
    let signs = match power {
        None => "does not sign the next block".to_owned(),
        Some(power) => format!("signs the next block with a power of {power}"),
    };
    (format!("{address} {stake}, and {signs}"), data)
}

/// Says what became of a transaction, for scripts.
pub(crate) fn past_data(past: &Past) -> Value {
    let (_, word) = past_words(past);
    match past {
        Past::Replaced { by } => json!({"past": word, "replaced_by": by.to_string()}),
        _ => json!({"past": word}),
    }
}

/// Says what became of a transaction, for people, and in one word.
pub(crate) fn past_words(past: &Past) -> (String, &'static str) {
    match past {
        Past::Happened => (
            "took effect in this block or one before".to_owned(),
            "happened",
        ),
        Past::Open { next } => (
            format!(
                "has not happened so far: the sender's next nonce is {next}; a later block may \
                 still take it"
            ),
            "open",
        ),
        Past::Expired { next } => (
            format!("has not happened, and never will: it has expired (next nonce {next})"),
            "expired",
        ),
        Past::Replaced { by } => (
            format!("never happened, and never will: {by} has its nonce"),
            "replaced",
        ),
    }
}
