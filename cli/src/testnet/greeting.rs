//! What `testnet up` says while the network comes up: a line per node, then the first final block.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::local_account;

use crate::amount::Unit;
use crate::command::block;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::{self, short};
use crate::output::{Output, Tone};
use crate::quorum::{NEEDED, percent};
use crate::rpc::Rpc;
use crate::rpc::reply::{Account, Status};
use crate::{duration, genesis_file};

use super::control::{self, Request};
use super::folder::{Folder, Plan};

/// How long a network may take to come up when the user says nothing.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Watches a network come up, and tells.
pub(crate) struct Greeting<'up> {
    /// How to talk to the user.
    pub(crate) output: Output,
    /// The testnet.
    pub(crate) folder: &'up Folder,
    /// Its parameters.
    pub(crate) plan: &'up Plan,
    /// Whether the network is new.
    pub(crate) is_new: bool,
    /// Whether it goes on in the background.
    pub(crate) is_detached: bool,
    /// When it was started.
    pub(crate) started: Instant,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
}

impl Greeting<'_> {
    /// Says what comes up, until the first block is final.
    ///
    /// # Errors
    /// [`Exit::NotFinal`] if it takes too long.
    pub(crate) fn run(&self) -> Outcome {
        let age = if self.is_new { "new" } else { "resumed" };
        self.output.line(&format!(
            "starling {} · testnet \"{}\" · {age}",
            env!("CARGO_PKG_VERSION"),
            self.folder.name()
        ));
        let mut nodes = Vec::new();
        let mut height_before = 0;
        for (number, name) in self.plan.nodes() {
            let status = self.wait_for(&format!("{name} to answer"), || self.status(number))?;
            height_before = height_before.max(status.height);
            let ready_ms = duration::as_ms(self.started.elapsed());
            let node = self.node(number, &name, ready_ms);
            nodes.push(node);
        }
        self.tell_quorum();
        self.tell_people();
        let floor = if self.is_new { 0 } else { height_before };
        let status = self.wait_for("a final block", || {
            self.status(1).filter(|status| status.height > floor)
        })?;
        self.tell_block(status.height, &nodes)
    }

    fn status(&self, number: u16) -> Option<Status> {
        self.rpc(number)?.status().ok()
    }

    fn rpc(&self, number: u16) -> Option<Rpc> {
        Rpc::new(&self.plan.url(number), Some(CALL_TIMEOUT)).ok()
    }

    fn wait_for<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> Outcome<T> {
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        loop {
            if let Some(found) = ask() {
                return Ok(found);
            }
            if self.started.elapsed() > timeout {
                let message = format!("waited {} for {what}", duration::show(timeout));
                let logs = self.folder.node("n1").join("log");
                return Err(CliError::new(Exit::NotFinal, message)
                    .next(format!("read {} and its neighbours", logs.display())));
            }
            thread::sleep(POLL);
        }
    }

    fn node(&self, number: u16, name: &str, ready_ms: u64) -> Value {
        let reply = control::call(self.folder, &Request::Status).unwrap_or_default();
        let pid = reply.nodes.iter().find(|node| node.name == name);
        let pid = pid.and_then(|node| node.pid);
        let url = self.plan.url(number);
        let share = percent(1, u64::from(self.plan.validators)).replace(".0 %", " %");
        self.output.line(&format!(
            "  {name:3} validator  {share:>6}  {url}   pid {:<7} ready {}",
            pid.map_or("?".to_owned(), |pid| pid.to_string()),
            duration::show_tenths(Duration::from_millis(ready_ms))
        ));
        json!({"name": name, "http": url, "pid": pid, "ready_ms": ready_ms})
    }

    fn tell_quorum(&self) {
        let total = self.plan.validators;
        let quorum = total * 2 / 3 + 1;
        self.output
            .line(&format!("  quorum {quorum} of {total} ({NEEDED})"));
    }

    /// Shows alice and bob, and what they have.
    fn tell_people(&self) {
        let (Ok(genesis), Some(rpc)) = (genesis_file::read(&self.folder.genesis()), self.rpc(1))
        else {
            return;
        };
        let unit = Unit {
            symbol: genesis.symbol.clone(),
            decimals: genesis.decimals,
        };
        let person = |name: &&str| {
            let address = local_account(name).to_address(NetworkKind::Local);
            let account: Account = rpc.typed("account", &json!({"address": address})).ok()?;
            let balance = unit.full(account.balance_base);
            Some(format!("{name}  {}  {balance}", short(&address, 14)))
        };
        let people: Vec<_> = names::PEOPLE.iter().filter_map(person).collect();
        if !people.is_empty() {
            let people = people.join("     ");
            self.output
                .line(&format!("  {people}     (keys are public)"));
        }
    }

    fn tell_block(&self, height: u64, nodes: &[Value]) -> Outcome {
        let elapsed = self.started.elapsed();
        let signed = self.rpc(1).and_then(|rpc| block::signers(&rpc, height));
        let total = self.plan.validators;
        let signed_text = signed.map_or(String::new(), |signed| {
            format!(" · {signed}/{total} signed")
        });
        let word = self.output.paint(Tone::Good, "final");
        self.output.line(&format!(
            "block {height} {word} {} after start{signed_text}",
            duration::show_tenths(elapsed)
        ));
        self.output.envelope(&json!({
            "testnet": self.folder.name(),
            "new": self.is_new,
            "nodes": nodes,
            "height": height,
            "signed": signed,
            "validators": total,
            "first_final_ms": duration::as_ms(elapsed),
        }));
        let flag = self.folder.flag();
        let stop = if self.is_detached {
            format!("starling testnet stop{flag}")
        } else {
            "Ctrl-C".to_owned()
        };
        let next = format!("starling send alice bob 25{flag}     stop: {stop}");
        self.output.next(&next);
        Ok(())
    }
}
