//! `starling status`: how a node and its network are.

use clap::Args;
use serde_json::json;

use crate::context::{Context, Node};
use crate::duration;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::names::{Names, short as short_text};
use crate::output::Tone;
use crate::quorum::{Member, Quorum};
use crate::rpc::parse;
use crate::rpc::reply::Status;

const EXAMPLES: &str = "\
Examples:
  starling status                      the local testnet
  starling status --node http://127.0.0.1:7102
  starling status --json | jq .data.height
  starling status; echo $?             0 ready, 6 halted, 7 other network, 1 else";

/// `starling status`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {}

/// Runs the command; the exit code says whether the node is ready: [`Exit::Halted`] where the
/// network stands still.
///
/// # Errors
/// [`Exit::Unreachable`] if no node answers.
pub(crate) fn run(context: &Context, _: &StatusArgs) -> Outcome<Exit> {
    let node = context.connect()?;
    let answer = node.rpc.call("status", &json!({}))?;
    let status: Status = parse("status", answer.clone())?;
    let network = context.network(&node, None)?;
    let quorum = quorum(&status, &context.names(&network)?);
    context
        .output
        .result(&answer, &describe(context, &node, &status, &quorum));
    let next = match status.state().word.as_str() {
        "HALTED" => "starling validators".to_owned(),
        "ALONE" | "OTHER NETWORK" => "starling peers --failed".to_owned(),
        "PRUNED" => "starling snapshot restore".to_owned(),
        "CLOCK" => "starling peers".to_owned(),
        "JAILED" => "starling stake unjail".to_owned(),
        _ => format!("starling block {}", status.height),
    };
    context.output.next(&next);
    Ok(status.state().exit())
}

/// Collects who is there, as `status` reports it.
pub(crate) fn quorum(status: &Status, names: &Names) -> Quorum {
    let members = status.consensus.validators.iter().map(|validator| Member {
        name: validator
            .name
            .clone()
            .unwrap_or_else(|| names.show_address(&validator.account)),
        power: validator.power,
        present: validator.present.unwrap_or(true),
    });
    Quorum::new(members.collect())
}

fn describe(context: &Context, node: &Node, status: &Status, quorum: &Quorum) -> String {
    let short = |hash: &str| hash.chars().take(8).collect::<String>();
    let head = format!(
        "starling {} · network {} · genesis {} · {}",
        status.version,
        status.network,
        short(&status.genesis),
        node.name
    );
    let (tone, words) = state(status, quorum);
    let state = context.output.paint(tone, &words);
    let role = match &status.node.validator {
        Some(address) => format!("validator {}", short_text(address, 12)),
        None => "full node".to_owned(),
    };
    let role = match status.node.duty.silence() {
        Some(silence) => format!("{role}, {}", context.output.paint(Tone::Bad, &silence)),
        None => role,
    };
    let identity = format!(
        "{} at {}",
        short_text(&status.node.id, 8),
        status.node.listen
    );
    let start = if status.unclean_start {
        " · previous stop was unclean, nothing lost"
    } else {
        ""
    };
    let mut lines = vec![
        head,
        format!("  state      {state}"),
        format!("  node       {identity} · {role}"),
        format!(
            "  block      {} · {} · round {} at the next",
            status.height,
            short(&status.head),
            status.round
        ),
        format!("  state root {}", short(&status.state_root)),
        format!("  neighbours {}", status.peers),
        format!(
            "  waiting    {} transactions, {} bytes",
            status.mempool.count, status.mempool.bytes
        ),
        format!(
            "  up         {}{start}, {} blocks fetched",
            duration::show(std::time::Duration::from_millis(status.uptime_ms)),
            status.blocks_fetched
        ),
    ];
    if let Some(resident) = status.memory.resident_bytes {
        let (taken, limit) = (resident >> 20, status.memory.limit_mib);
        lines.push(format!("  memory     {taken} of {limit} MiB (memory_mib)"));
    }
    if let Some(ms) = status.node.clock_offset_ms {
        lines.push(format!("  clock      {}", offset(ms)));
    }
    if let Some(warning) = &status.node.second_process {
        let warning = context.output.paint(Tone::Bad, warning);
        lines.push(format!("  key        {warning}"));
    }
    if let Some(warning) = &status.trust_warning {
        let warning = context.output.paint(Tone::Bad, warning);
        lines.push(format!("  trust      {warning}"));
    }
    lines.join("\n")
}

/// Writes the state; who is silent is named as the user names them.
fn state(status: &Status, quorum: &Quorum) -> (Tone, String) {
    if status.state().is_running() {
        let (present, total) = quorum.count();
        let words = format!("RUNNING: {present} of {total} validators are heard");
        return (Tone::Good, words);
    }
    let words = match status.consensus.halted {
        true => quorum.halt(status.consensus.halted_since_ms),
        false => status.state().words(),
    };
    (Tone::Bad, words)
}

/// Says by how much a clock is ahead of the neighbours'.
fn offset(ms: i64) -> String {
    let side = match ms {
        0.. => "ahead of",
        _ => "behind",
    };
    format!("{} ms {side} the neighbours'", ms.unsigned_abs())
}
