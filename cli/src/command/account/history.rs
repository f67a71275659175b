//! `starling account history`: an account's own transactions, proven to be all there are.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use starling_ledger::chain::{HISTORY_PAGE_MAX, HistoryEntry, HistoryPage};
use starling_ledger::hash::Hash;
use starling_ledger::transaction::TransactionId;

use super::{check, verified_words};
use crate::context::{Context, Node};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::short;
use crate::network::Network;
use crate::rpc::{parse, reply};

const EXAMPLES: &str = "\
Examples:
  starling account history alice              the last 20, the newest first
  starling account history alice --limit 500
  starling account history starlocal1q… --json | jq -r '.data.transactions[].id'

An account holds a hash chain over its own transactions. The list is checked against it: none is
missing, none is another, up to the newest.";

/// `starling account history`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HistoryArgs {
    /// Name of a key, or an address.
    account: String,
    /// How many to show, the newest first.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    limit: u64,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// One page, as a node tells it.
#[derive(Debug, Deserialize)]
struct Page {
    account: serde_json::Value,
    transactions: Vec<Entry>,
    start: Option<String>,
    next_before: Option<u64>,
}

/// One transaction, as a node tells it.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    nonce: u64,
    id: String,
    height: u64,
    index: u32,
}

/// What was read so far.
struct List {
    /// The newest first.
    entries: Vec<Entry>,
    /// Whether all of them lead to the proven account.
    verified: bool,
    /// Whether there are no older ones.
    complete: bool,
    nonce: u64,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] where the list is not the account's.
pub(super) fn run(context: &Context, args: &HistoryArgs) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let names = context.names(&network)?;
    let id = names.account(&args.account)?;
    let address = id.to_address(network.kind);
    let list = read(&node, &network, (&id, &address), args.limit)?;
    let lines: Vec<_> = list.entries.iter().map(line).collect();
    let rest = match list.complete {
        true => "these are all",
        false => "older ones with a larger --limit",
    };
    let text = format!(
        "{}  {address}\n{}\n  {} of {} transactions, {rest} · {}",
        args.account,
        lines.join("\n"),
        list.entries.len(),
        list.nonce,
        verified_words(list.verified)
    );
    let transactions = list.entries.iter().map(|entry| {
        json!({
            "nonce": entry.nonce,
            "id": entry.id,
            "height": entry.height,
            "index": entry.index,
        })
    });
    let data = json!({
        "address": address,
        "nonce": list.nonce,
        "transactions": transactions.collect::<Vec<_>>(),
        "complete": list.complete,
        "verified": list.verified,
    });
    context.output.result(&data, &text);
    context.output.next("starling tx show ID");
    Ok(())
}

fn line(entry: &Entry) -> String {
    let place = format!("{}.{}", entry.height, entry.index);
    format!(
        "  {:>8}  {:>10}  {}",
        entry.nonce,
        place,
        short(&entry.id, 16)
    )
}

/// Reads pages from the newest on, each of which has to lead to the one before.
fn read(
    node: &Node,
    network: &Network,
    (id, address): (&starling_ledger::address::AccountId, &str),
    limit: u64,
) -> Outcome<List> {
    let mut list = List {
        entries: Vec::new(),
        verified: false,
        complete: false,
        nonce: 0,
    };
    let (mut before, mut end) = (None, None);
    loop {
        let left = limit.saturating_sub(list.entries.len() as u64);
        let count = left.min(HISTORY_PAGE_MAX as u64);
        let question = json!({"address": address, "before": before, "limit": count});
        let page: Page = node.rpc.typed("account_history", &question)?;
        if before.is_none() {
            let account: reply::Account = parse("account_history", page.account.clone())?;
            list.verified = check(node, network, id, &account)?.verified;
            list.nonce = account.nonce;
            end = Some(account.history.clone().unwrap_or(Hash::ZERO.to_string()));
        }
        let (expected, told) = (before.unwrap_or(list.nonce), &page.transactions);
        let next = told
            .last()
            .map_or(0, |newest| newest.nonce.saturating_add(1));
        if told.len() as u64 > count || (!told.is_empty() && next != expected) {
            return Err(lied("it left out transactions"));
        }
        match &page.start {
            Some(start) => {
                let ledger = ledger_page(&page, start)?;
                let end = parse_hash(end.as_deref().unwrap_or_default())?;
                if list.verified && !ledger.leads_to(&end) {
                    return Err(lied("they do not lead to the account's history"));
                }
            }
            // What this node does not know, it cannot prove.
            None => list.verified = false,
        }
        end = page.start.clone();
        before = page.next_before;
        list.entries.extend(told.iter().rev().cloned());
        list.complete = before.is_none() && page.start.is_some();
        let done = list.entries.len() as u64 >= limit;
        if done || before.is_none() || told.is_empty() || end.is_none() {
            return Ok(list);
        }
    }
}

fn ledger_page(page: &Page, start: &str) -> Outcome<HistoryPage> {
    let entry = |entry: &Entry| {
        Ok(HistoryEntry {
            nonce: entry.nonce,
            id: TransactionId(parse_hash(&entry.id)?),
        })
    };
    Ok(HistoryPage {
        entries: page
            .transactions
            .iter()
            .map(entry)
            .collect::<Outcome<_>>()?,
        start: Some(parse_hash(start)?),
    })
}

fn parse_hash(text: &str) -> Outcome<Hash> {
    text.parse().map_err(|_| lied("it names what is no hash"))
}

fn lied(how: &str) -> CliError {
    let message = format!("the node's list of transactions cannot be right: {how}");
    CliError::new(Exit::Verification, message)
}
