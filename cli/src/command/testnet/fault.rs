//! `starling testnet kill`, `start`, `pause` and `resume`: what it means for the network, in words.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::command::block;
use crate::context::Context;
use crate::duration;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::short;
use crate::output::Tone;
use crate::rpc::reply::Status;
use crate::testnet::control::{self, Request};
use crate::testnet::folder::Folder;

use super::overview::Overview;

/// How long a node may take to be back when the user says nothing.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Ways to lose a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    /// It is killed.
    Kill,
    /// It is frozen.
    Pause,
}

/// Ways to get it back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gain {
    /// It is started.
    Start,
    /// It goes on where it was.
    Resume,
}

/// Takes a node away, and says whether the network goes on.
///
/// # Errors
/// If the testnet does not run, or there is no such node.
pub(super) fn lose(context: &Context, folder: &Folder, node: &str, loss: Loss) -> Outcome {
    let (request, how) = match loss {
        Loss::Kill => (Request::Kill(node.to_owned()), "killed"),
        Loss::Pause => (Request::Pause(node.to_owned()), "paused"),
    };
    let overview = Overview::new(folder, control::call(folder, &request)?)?;
    let quorum = overview.quorum();
    let height = if quorum.is_enough() {
        None
    } else {
        overview.height()
    };
    let sentence = quorum.after_loss(node, how, height);
    let mut data = overview.data(folder);
    data["sentence"] = json!(sentence);
    context.output.result(&data, &sentence);
    let back = match loss {
        Loss::Kill => "start",
        Loss::Pause => "resume",
    };
    let flag = folder.flag();
    context
        .output
        .next(&format!("starling testnet {back} {node}{flag}"));
    Ok(())
}

/// Brings a node back, and waits until it votes again, or says why not, and, with a quorum, until a
/// block is final.
///
/// # Errors
/// [`Exit::NotFinal`] if that takes too long.
pub(super) fn gain(context: &Context, folder: &Folder, node: &str, gain: Gain) -> Outcome {
    let request = match gain {
        Gain::Start => Request::Start(node.to_owned()),
        Gain::Resume => Request::Resume(node.to_owned()),
    };
    let before = Overview::new(folder, control::call(folder, &Request::Status)?)?;
    let was_enough = before.quorum().is_enough();
    let height = before.height().unwrap_or(0);
    let overview = Overview::new(folder, control::call(folder, &request)?)?;
    let deadline = Instant::now() + context.global.timeout.unwrap_or(TIMEOUT);
    let quorum = overview.quorum();
    let status = wait(&overview, folder, node, deadline, |status| {
        let decided = !(quorum.is_enough() && status.node.duty.is_passing());
        status.height >= height && decided
    })?;
    let up = describe(node, &status, gain, quorum.is_enough());
    context.output.line(&up);
    let mut data = overview.data(folder);
    data["sentence"] = json!(up);
    data["blocks_fetched"] = json!(status.blocks_fetched);
    data["unclean_start"] = json!(status.unclean_start);
    if quorum.is_enough() && !was_enough {
        let status = wait(&overview, folder, node, deadline, |status| {
            status.height > height
        })?;
        let resumed = resumed(&overview, node, height + 1);
        context
            .output
            .line(&context.output.paint(Tone::Good, &resumed));
        data["resumed_at"] = json!(status.height);
    }
    context.output.envelope(&data);
    let flag = folder.flag();
    context
        .output
        .next(&format!("starling testnet status{flag}"));
    Ok(())
}

fn wait(
    overview: &Overview,
    folder: &Folder,
    node: &str,
    deadline: Instant,
    accept: impl Fn(&Status) -> bool,
) -> Outcome<Status> {
    loop {
        if let Some(status) = overview.ask(node)
            && accept(&status)
        {
            return Ok(status);
        }
        let reply = control::call(folder, &Request::Status)?;
        let report = reply.nodes.iter().find(|report| report.name == node);
        if let Some(code) = report.and_then(|report| report.exit) {
            let log = folder.node(node).join("log");
            let message = format!("{node} ended with exit code {code}");
            return Err(
                CliError::new(Exit::Failure, message).next(format!("read {}", log.display()))
            );
        }
        if Instant::now() > deadline {
            let message = format!("{node} is not back where the others are in time");
            return Err(CliError::new(Exit::NotFinal, message)
                .next(format!("starling testnet status{}", folder.flag())));
        }
        thread::sleep(POLL);
    }
}

fn describe(node: &str, status: &Status, gain: Gain, is_enough: bool) -> String {
    if matches!(gain, Gain::Resume) {
        return format!("{node} goes on at block {}.", status.height);
    }
    let stop = if status.unclean_start {
        "unclean stop, nothing lost"
    } else {
        "clean stop"
    };
    let silence = status.node.duty.silence();
    let votes = match silence.filter(|_| is_enough) {
        Some(silence) => silence,
        None if is_enough => "voting".to_owned(),
        None => "waiting for others".to_owned(),
    };
    let up = duration::show(Duration::from_millis(status.uptime_ms));
    format!(
        "{node} up after {up}: {stop}, {} blocks fetched, {votes}.",
        status.blocks_fetched
    )
}

fn resumed(overview: &Overview, node: &str, height: u64) -> String {
    let rpc = overview.rpc(node);
    let signed = rpc.as_ref().and_then(|rpc| block::signers(rpc, height));
    let signed = signed.map_or(String::new(), |signed| {
        format!(" · {signed}/{} signed", overview.plan.validators)
    });
    let ids = rpc.and_then(|rpc| block::transaction_ids(&rpc, height));
    let ids: Vec<_> = ids.unwrap_or_default();
    let shown: Vec<_> = ids
        .iter()
        .take(3)
        .map(|id| short(&id.to_string(), 6))
        .collect();
    let more = if ids.len() > shown.len() { ", …" } else { "" };
    let includes = if shown.is_empty() {
        String::new()
    } else {
        format!(" · includes {}{more}", shown.join(", "))
    };
    format!("network resumed: block {height} final{signed}{includes}")
}
