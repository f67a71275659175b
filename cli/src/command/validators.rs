//! `starling validators`: who agrees on blocks, and whether they are there.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::Outcome;
use crate::names::short;
use crate::quorum::{NEEDED, clock, percent};

use super::status::quorum;

const EXAMPLES: &str = "\
Examples:
  starling validators
  starling validators --json | jq '.data.validators[] | select(.present | not)'";

/// `starling validators`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidatorsArgs {}

/// Runs the command.
///
/// # Errors
/// [`Exit::Unreachable`](crate::exit::Exit::Unreachable) if no node answers.
pub(crate) fn run(context: &Context, _: &ValidatorsArgs) -> Outcome {
    let node = context.connect()?;
    let answer = node.rpc.call("validators", &json!({}))?;
    let network = context.network(&node, None)?;
    let names = context.names(&network)?;
    let validators = &node.status.consensus.validators;
    let total: u64 = validators.iter().map(|validator| validator.power).sum();
    let mut shown: Vec<_> = validators.iter().collect();
    shown.sort_by_key(|validator| &validator.name);
    let mut lines: Vec<_> = shown
        .into_iter()
        .map(|validator| {
            let name = match &validator.name {
                Some(name) => name.clone(),
                None => names.show_address(&validator.account),
            };
            let state = match (validator.present, validator.silent_since_ms) {
                (Some(false), Some(since)) => format!("silent since {}", clock(since)),
                (Some(false), None) => "silent".to_owned(),
                _ => "heard".to_owned(),
            };
            format!(
                "{name:4}  {:>7}  {}  {state}",
                percent(validator.power, total),
                short(&validator.account, 16)
            )
        })
        .collect();
    let quorum = quorum(&node.status, &names);
    lines.push(if quorum.is_enough() {
        format!(
            "{} of voting power is heard, needs {NEEDED}",
            quorum.share()
        )
    } else {
        quorum.halt(node.status.consensus.halted_since_ms)
    });
    context.output.result(&answer, &lines.join("\n"));
    context.output.next("starling status");
    Ok(())
}
