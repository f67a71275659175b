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
  starling status; echo $?             6 if the network stands still";

/// `starling status`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {}

/// Runs the command; the exit code is [`Exit::Halted`] if the network stands still.
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
    if status.consensus.halted {
        context.output.next("starling validators");
        return Ok(Exit::Halted);
    }
    let block = format!("starling block {}", status.height);
    context.output.next(&block);
    Ok(Exit::Ok)
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
    let behind = status.best_peer_height.filter(|best| *best > status.height);
    let state = match (status.consensus.halted, status.syncing, behind) {
        (true, ..) => context
            .output
            .paint(Tone::Bad, &quorum.halt(status.consensus.halted_since_ms)),
        (_, true, Some(best)) => format!("catching up, a neighbour is at block {best}"),
        (_, true, None) => "catching up".to_owned(),
        _ => {
            let (present, total) = quorum.count();
            context.output.paint(
                Tone::Good,
                &format!("running, {present} of {total} validators are heard"),
            )
        }
    };
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
    if let Some(warning) = &status.trust_warning {
        let warning = context.output.paint(Tone::Bad, warning);
        lines.push(format!("  trust      {warning}"));
    }
    lines.join("\n")
}
