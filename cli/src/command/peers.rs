//! `starling peers`: a node's neighbours.

use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Outcome;
use crate::names::short;

const EXAMPLES: &str = "\
Examples:
  starling peers
  starling peers --node http://127.0.0.1:7103 --json";

/// `starling peers`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PeersArgs {}

/// Runs the command.
///
/// # Errors
/// [`Exit::Unreachable`](crate::exit::Exit::Unreachable) if no node answers.
pub(crate) fn run(context: &Context, _: &PeersArgs) -> Outcome {
    let node = context.connect()?;
    let answer = node.rpc.call("peers", &json!({}))?;
    let peers = answer.get("peers").unwrap_or(&answer);
    let peers = peers.as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = vec![format!("{} has {} neighbours", node.name, peers.len())];
    lines.extend(peers.iter().map(describe));
    context.output.result(&answer, &lines.join("\n"));
    context.output.next("starling status");
    Ok(())
}

/// Writes what a node tells about a neighbour, whatever else it may tell in a later release.
fn describe(peer: &Value) -> String {
    let text = |name: &str| peer.get(name).and_then(Value::as_str);
    let id = text("id").or(text("peer")).unwrap_or("?");
    let address = text("address").unwrap_or("?");
    let direction = text("direction").unwrap_or_default();
    let height = peer.get("height").and_then(Value::as_u64);
    let height = height.map_or(String::new(), |height| format!("  block {height}"));
    format!("  {}  {address}  {direction}{height}", short(id, 8))
}
