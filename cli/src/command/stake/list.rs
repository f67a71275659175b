//! `starling stake list`: who agrees now, who may next, and what is on its way back.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use starling_ledger::address::AccountId;

use crate::command::account::verified_words;
use crate::context::Context;
use crate::desk::{rules, stake};
use crate::error::Outcome;
use crate::key_store::KeyStore;
use crate::names::Names;
use crate::network::Network;
use crate::quorum::percent;
use crate::rpc::{parse, reply};

use super::{release_words, status_words};

const EXAMPLES: &str = "\
Examples:
  starling stake list                  the validators, the candidates, and the stakes of your keys
  starling stake list carol starlocal1q…   these as well
  starling stake list --json | jq '.data.candidates[].bonded_base'

The stakes of your keys and of the accounts named are verified against the genesis; who the
validators and candidates are is what the node says.";

/// `starling stake list`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {
    /// Accounts to show as well: names of keys or policies, or addresses.
    accounts: Vec<String>,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`](crate::exit::Exit::Verification) if a proof does not hold.
pub(super) fn run(context: &Context, args: &ListArgs) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let names = context.names(&network)?;
    let answer = node.rpc.call("validators", &json!({}))?;
    let set: reply::ValidatorSet = parse("validators", answer.clone())?;
    let rules = rules(&node, &network)?;
    let told = node.rpc.call("candidates", &json!({}))?;
    let waiting: reply::Candidates = parse("candidates", told.clone())?;
    let mut lines = members((&set, &waiting), &names);
    lines.extend(candidates((&set, &waiting), &names, &network));
    let mut own = Vec::new();
    for account in asked(context, args, &names)? {
        let told = stake(&node, &network, &account)?;
        if !told.exists && !named(args, &names, &account) {
            continue;
        }
        if own.is_empty() {
            lines.push("stakes of your keys, and those you named".to_owned());
        }
        lines.push(format!(
            "  {:12} {:>20} bonded  {}",
            names.show(account),
            network.unit.full(told.bonded_base),
            status_words(&told)
        ));
        let releases = told.releases.iter();
        lines.extend(releases.map(|release| release_words(&network.unit, release, &rules)));
        let mut described = told.describe();
        described["address"] = json!(account.to_address(network.kind));
        described["verified"] = json!(network.genesis.is_some());
        own.push(described);
    }
    if !own.is_empty() {
        let words = verified_words(network.genesis.is_some());
        lines.push(format!("  {words}"));
    }
    let mut data = answer;
    data["candidates"] = told["candidates"].clone();
    data["candidates_total"] = json!(waiting.total);
    data["stakes"] = Value::Array(own);
    context.output.result(&data, &lines.join("\n"));
    context.output.next("starling stake bond --help");
    Ok(())
}

fn members(
    (set, waiting): (&reply::ValidatorSet, &reply::Candidates),
    names: &Names,
) -> Vec<String> {
    let mut lines = vec![format!(
        "validators of block {} (epoch {}, to block {})",
        set.height, set.epoch, set.epoch_last
    )];
    lines.extend(set.validators.iter().map(|member| {
        let account = &member.account;
        let outlook = set.outlook.as_ref();
        let mut candidates = waiting.candidates.iter();
        let state = if outlook.is_some_and(|outlook| outlook.sitting_out.contains(account)) {
            "sits out from the next epoch on"
        } else if candidates.any(|candidate| candidate.account == *account) {
            "stays a candidate"
        } else if waiting.total > waiting.candidates.len() {
            ""
        } else {
            "leaves with this epoch"
        };
        let power = percent(member.power, set.total_power);
        let line = format!("  {:12} {power:>7}  {state}", names.show_address(account));
        line.trim_end().to_owned()
    }));
    lines
}

fn candidates(
    (set, waiting): (&reply::ValidatorSet, &reply::Candidates),
    names: &Names,
    network: &Network,
) -> Vec<String> {
    let mut lines = vec![format!(
        "{} candidates for the epoch from block {} on, at most {} are chosen",
        waiting.total,
        set.epoch_last.saturating_add(1),
        waiting.validators_max
    )];
    lines.extend(waiting.candidates.iter().map(|candidate| {
        let state = match candidate.chosen {
            true => "",
            false => "  too little to be chosen",
        };
        format!(
            "  {:12} {:>20} bonded{state}",
            names.show_address(&candidate.account),
            network.unit.full(candidate.bonded_base)
        )
    }));
    let left = waiting.total.saturating_sub(waiting.candidates.len());
    if left > 0 {
        lines.push(format!("  and {left} more"));
    }
    lines
}

/// Returns the accounts whose stakes are shown one by one.
fn asked(context: &Context, args: &ListArgs, names: &Names) -> Outcome<BTreeSet<AccountId>> {
    let mut accounts = BTreeSet::new();
    for text in &args.accounts {
        accounts.insert(names.account(text)?);
    }
    for key in KeyStore::open(&context.global).list()? {
        accounts.insert(names.account(&key.name).unwrap_or_else(|_| key.account()));
    }
    Ok(accounts)
}

fn named(args: &ListArgs, names: &Names, account: &AccountId) -> bool {
    let mut texts = args.accounts.iter();
    texts.any(|text| names.account(text).is_ok_and(|named| named == *account))
}
