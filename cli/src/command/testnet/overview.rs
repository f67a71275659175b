//! `starling testnet status`, `stop` and `clean`.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};
use starling_ledger::genesis::{Genesis, local_account};

use crate::context::Context;
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
use crate::output::Tone;
use crate::quorum::{Member, NEEDED, Quorum};
use crate::rpc::Rpc;
use crate::rpc::reply::Status;
use crate::testnet::child::State;
use crate::testnet::control::{self, NodeReport, Reply, Request};
use crate::testnet::folder::{Folder, Plan};

/// How long a node may take to answer: one that is frozen never does.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// A running testnet as its supervisor describes it.
pub(super) struct Overview {
    /// Its parameters.
    pub(super) plan: Plan,
    /// Its nodes.
    pub(super) nodes: Vec<NodeReport>,
    genesis: Genesis,
}

impl Overview {
    /// Puts together what the supervisor said and what lies in the folder.
    ///
    /// # Errors
    /// If the folder is damaged.
    pub(super) fn new(folder: &Folder, reply: Reply) -> Outcome<Self> {
        let plan = folder.plan()?.ok_or_else(|| {
            CliError::new(Exit::Failure, format!("no testnet \"{}\"", folder.name()))
                .next(format!("starling testnet up{}", folder.flag()))
        })?;
        let mut nodes = reply.nodes;
        nodes.sort_by_key(|node| plan.nodes().position(|(_, name)| name == node.name));
        Ok(Self {
            plan,
            nodes,
            genesis: genesis_file::read(&folder.genesis())?,
        })
    }

    /// Computes the quorum from who runs.
    pub(super) fn quorum(&self) -> Quorum {
        let members = self.nodes.iter().map(|node| {
            let account = local_account(&node.name);
            let mut validators = self.genesis.validators.iter();
            let validator = validators.find(|validator| validator.account == account);
            Member {
                name: node.name.clone(),
                power: validator.map_or(0, |validator| validator.stake),
                present: node.state == State::Running,
            }
        });
        Quorum::new(members.collect())
    }

    /// Asks a node how it is; `None` if it does not answer.
    pub(super) fn ask(&self, name: &str) -> Option<Status> {
        self.rpc(name)?.status().ok()
    }

    /// Returns the way to a node.
    pub(super) fn rpc(&self, name: &str) -> Option<Rpc> {
        let (number, _) = self.plan.nodes().find(|(_, other)| other == name)?;
        Rpc::new(&self.plan.url(number), Some(CALL_TIMEOUT)).ok()
    }

    /// Returns the highest final block that a running node has.
    pub(super) fn height(&self) -> Option<u64> {
        let running = self
            .nodes
            .iter()
            .filter(|node| node.state == State::Running);
        running
            .filter_map(|node| self.ask(&node.name))
            .map(|status| status.height)
            .max()
    }

    /// Describes the nodes for scripts.
    pub(super) fn data(&self, folder: &Folder) -> Value {
        let nodes: Vec<_> = self.nodes.iter().map(|node| self.node_data(node)).collect();
        let quorum = self.quorum();
        let (present, total) = quorum.count();
        json!({
            "testnet": folder.name(),
            "nodes": nodes,
            "running": present,
            "validators": total,
            "power": quorum.share(),
            "quorum": quorum.is_enough(),
        })
    }

    fn node_data(&self, node: &NodeReport) -> Value {
        let runs = node.state == State::Running;
        let status = if runs { self.ask(&node.name) } else { None };
        let url = self.rpc(&node.name).map(|rpc| rpc.url().to_owned());
        json!({
            "name": node.name,
            "state": node.state,
            "pid": node.pid,
            "exit": node.exit,
            "log": node.log,
            "http": url,
            "height": status.as_ref().map(|status| status.height),
            "head": status.as_ref().map(|status| status.head.clone()),
            "state_root": status.as_ref().map(|status| status.state_root.clone()),
            "peers": status.as_ref().map(|status| status.peers),
        })
    }
}

/// Shows the nodes and whether they can agree.
///
/// # Errors
/// [`Exit::Unreachable`] if the testnet does not run.
pub(super) fn run(context: &Context, folder: &Folder) -> Outcome {
    let reply = control::call(folder, &Request::Status)?;
    let overview = Overview::new(folder, reply)?;
    let data = overview.data(folder);
    let mut lines = vec![format!("testnet \"{}\"", folder.name())];
    let nodes = data["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    lines.extend(nodes.iter().map(describe));
    let quorum = overview.quorum();
    let (present, total) = quorum.count();
    lines.push(if quorum.is_enough() {
        format!(
            "{present} of {total} validators: {} of voting power, needs {NEEDED}: running",
            quorum.share()
        )
    } else {
        let halt = format!(
            "{}; it resumes when {}",
            quorum.halt(None),
            quorum.resumes_when()
        );
        context.output.paint(Tone::Bad, &halt)
    });
    context.output.result(&data, &lines.join("\n"));
    let flag = folder.flag();
    match quorum.absent().first() {
        Some(name) => context
            .output
            .next(&format!("starling testnet start {name}{flag}")),
        None => context
            .output
            .next(&format!("starling send alice bob 25{flag}")),
    }
    Ok(())
}

fn describe(node: &Value) -> String {
    let text = |name: &str| node[name].as_str().unwrap_or("?").to_owned();
    let number = |name: &str| node[name].as_u64();
    let end = match (number("height"), number("exit")) {
        (Some(height), _) => {
            format!(
                "block {height}  {} neighbours",
                number("peers").unwrap_or(0)
            )
        }
        (None, Some(code)) => format!("exit code {code}, see {}", text("log")),
        (None, None) => String::new(),
    };
    let pid = number("pid").map_or(String::new(), |pid| format!("pid {pid}"));
    let line = format!(
        "  {:3} {:8} {}  {pid:11} {end}",
        text("name"),
        text("state"),
        text("http")
    );
    line.trim_end().to_owned()
}

/// Stops the network in good order.
///
/// # Errors
/// [`Exit::Unreachable`] if it does not run.
pub(super) fn stop(context: &Context, folder: &Folder) -> Outcome {
    let reply = control::call(folder, &Request::Stop)?;
    let text = format!("testnet \"{}\" stopped; its data is kept", folder.name());
    let data = json!({"testnet": folder.name(), "nodes": reply.nodes});
    context.output.result(&data, &text);
    context
        .output
        .next(&format!("starling testnet up{}", folder.flag()));
    Ok(())
}

/// Removes a stopped network.
///
/// # Errors
/// [`Exit::Locked`] if it runs; a usage error if nobody agreed.
pub(super) fn clean(context: &Context, folder: &Folder, yes: bool) -> Outcome {
    let exists = folder.plan().map_or(true, |plan| plan.is_some());
    if !exists {
        let message = format!("no testnet \"{}\" to remove", folder.name());
        return Err(CliError::usage(message).next("starling testnet up"));
    }
    let _lock = folder.lock()?;
    if !yes && !agrees(context, folder)? {
        return Err(CliError::usage("nothing was removed").next("add --yes"));
    }
    fs::remove_dir_all(folder.path()).on("remove", folder.path())?;
    let text = format!("testnet \"{}\" removed", folder.name());
    context
        .output
        .result(&json!({"testnet": folder.name(), "removed": true}), &text);
    context
        .output
        .next(&format!("starling testnet up{}", folder.flag()));
    Ok(())
}

/// Asks, where there is somebody to ask.
fn agrees(context: &Context, folder: &Folder) -> Outcome<bool> {
    if context.global.no_input || context.output.is_json() || !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stderr = io::stderr();
    let path = folder.path().display();
    let _ = write!(stderr, "remove {path} with all its data? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).exit(Exit::Io)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
