//! `starling peers`: a node's neighbours, and what was tried to get some.

use clap::Args;
use serde_json::{Value, json};

use crate::context::{Context, Node};
use crate::duration;
use crate::error::Outcome;
use crate::names::short;

const EXAMPLES: &str = "\
Examples:
  starling peers
  starling peers --failed              each address tried, and why it failed
  starling peers --node http://127.0.0.1:7103 --json";

/// `starling peers`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PeersArgs {
    /// Show each address that was tried and led to nothing, with the reason of the last dial.
    #[arg(long)]
    failed: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Unreachable`](crate::exit::Exit::Unreachable) if no node answers.
pub(crate) fn run(context: &Context, args: &PeersArgs) -> Outcome {
    let node = context.connect()?;
    if args.failed {
        return failed(context, &node);
    }
    let answer = node.rpc.call("peers", &json!({}))?;
    let peers = list(&answer, "peers");
    let mut lines = vec![format!("{} has {} neighbours", node.name, peers.len())];
    lines.extend(peers.iter().map(describe));
    context.output.result(&answer, &lines.join("\n"));
    context.output.next("starling peers --failed");
    Ok(())
}

fn failed(context: &Context, node: &Node) -> Outcome {
    let answer = node.rpc.call("peers_failed", &json!({}))?;
    let failed = list(&answer, "failed");
    let mut lines = vec![match failed.len() {
        0 => format!("{}: no dial has failed", node.name),
        count => format!("{}: {count} tried in vain", node.name),
    }];
    lines.extend(failed.iter().map(describe_failed));
    context.output.result(&answer, &lines.join("\n"));
    context.output.next("starling status");
    Ok(())
}

fn list<'answer>(answer: &'answer Value, name: &str) -> &'answer [Value] {
    let list = answer.get(name).unwrap_or(answer).as_array();
    list.map_or(&[], Vec::as_slice)
}

/// Writes what a node tells about a neighbour, whatever else it may tell in a later release.
fn describe(peer: &Value) -> String {
    let text = |name: &str| peer.get(name).and_then(Value::as_str);
    let id = text("id").or(text("peer")).unwrap_or("?");
    let address = text("address").unwrap_or("?");
    let direction = text("direction").unwrap_or_default();
    let height = peer.get("height").and_then(Value::as_u64);
    let height = height.map_or(String::new(), |height| format!("  block {height}"));
    let clock = peer.get("clock_ahead_ms").and_then(Value::as_i64);
    let clock = clock.map_or(String::new(), |ms| format!("  clock {ms:+} ms"));
    format!("  {}  {address}  {direction}{height}{clock}", short(id, 8))
}

fn describe_failed(failed: &Value) -> String {
    let text = |name: &str| failed.get(name).and_then(Value::as_str).unwrap_or("?");
    let number = |name: &str| failed.get(name).and_then(Value::as_u64).unwrap_or_default();
    let ago = duration::show(std::time::Duration::from_millis(number("ago_ms")));
    let times = match number("failures") {
        0 | 1 => String::new(),
        times => format!(", {times} times"),
    };
    format!(
        "  {}  {} ({ago} ago{times})",
        text("target"),
        text("reason")
    )
}
