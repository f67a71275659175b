//! Why an answer is not believed, in words, and what to do.

use std::fmt::Display;
use std::time::{Duration, Instant};

use starling_ledger::light::{LightError, Trusted};
use starling_ledger::vote::Height;

use super::way::age;
use crate::context::Node;
use crate::error::{BEHIND, CliError, Outcome};
use crate::exit::Exit;

const OTHER_NODE: &str = "ask another node with --node, and tell the operator of this one";

const PAUSE: Duration = Duration::from_millis(50);

/// Asks again while the node is behind what this machine has seen, as long as the command has
/// patience: who is behind does not lie.
///
/// # Errors
/// Those of `ask`.
pub(crate) fn until_caught_up<T>(node: &Node, mut ask: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let deadline = Instant::now() + node.settings.patience;
    loop {
        match ask() {
            Err(error) if error.code == BEHIND && Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// A node said something that does not hold.
pub(super) fn lied(reason: impl Display) -> CliError {
    let message = format!("verification failed, the node lied: {reason}");
    CliError::new(Exit::Verification, message).next(OTHER_NODE)
}

/// A header is not believed.
pub(super) fn unbelieved(error: &LightError) -> CliError {
    let failed = |code: &str| {
        let message = format!("verification failed: {error}");
        CliError::new(Exit::Verification, message).code(code)
    };
    match error {
        LightError::Expired { .. } | LightError::CheckpointNeeded { .. } => failed("expired").next(
            "--checkpoint HEIGHT:HASH of a recent block, from somebody you trust \
             (`starling block latest` on their node)",
        ),
        LightError::Future { .. } => {
            failed("clock").next("check the clock of this machine; if it is right, the node lied")
        }
        LightError::Conflict(_) => failed("conflict"),
        LightError::Checkpoint { .. } => failed("checkpoint")
            .next("ask whoever gave you the checkpoint; one of the two is of another history"),
        error => lied(error),
    }
}

/// A node shows an older state than was seen before.
pub(super) fn behind((height, time_ms): (Height, u64), trusted: &Trusted, now_ms: u64) -> CliError {
    let message = format!(
        "the node answers as of block {height}, {} old; this machine has verified block {} \
         before, {} old. What it shows was true then, and need not be now",
        age(now_ms.saturating_sub(time_ms)),
        trusted.height(),
        age(now_ms.saturating_sub(trusted.time_ms()))
    );
    CliError::new(Exit::Failure, message)
        .code(BEHIND)
        .next("wait until it has caught up (starling status), or ask another node with --node")
}
