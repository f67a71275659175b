//! The supervisor: it owns the nodes of a testnet and obeys commands.
//!
//! # Invariants
//! It ends no process that it did not start, and none of its own is left when it has returned.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use crate::error::{CliError, Outcome};
use crate::exit::{Exit, TABLE};
use crate::output::Output;

use super::child::{NodeProcess, Recipe, State};
use super::control::{NodeReport, Reply, Request};

/// How often to look after the nodes.
const LOOK: Duration = Duration::from_millis(50);

/// What reaches the supervisor.
#[derive(Debug)]
pub(crate) enum Message {
    /// A command, and where to answer.
    Request(Request, SyncSender<Reply>),
    /// All nodes answered and blocks are made.
    Ready,
    /// The network did not come up.
    Failed(CliError),
    /// Ctrl-C, or SIGTERM.
    Stop,
}

/// Owns the nodes.
#[derive(Debug)]
pub(crate) struct Supervisor {
    nodes: BTreeMap<String, NodeProcess>,
    output: Output,
    is_ready: bool,
}

impl Supervisor {
    /// Starts all nodes.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(crate) fn start(recipes: Vec<(String, Recipe)>, output: Output) -> Outcome<Self> {
        let mut nodes = BTreeMap::new();
        for (name, recipe) in recipes {
            let mut node = NodeProcess::new(recipe);
            node.start()
                .map_err(|error| failed("start", &name, &error))?;
            nodes.insert(name, node);
        }
        Ok(Self {
            nodes,
            output,
            is_ready: false,
        })
    }

    /// Obeys until it is told to stop, then stops all nodes in good order.
    ///
    /// # Errors
    /// If a node ends by itself before the network was ready, with the exit code of that node.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) -> Outcome {
        let mut last_reply = None;
        let result = loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Message::Request(Request::Stop, sender)) => {
                    last_reply = Some(sender);
                    break Ok(());
                }
                Ok(Message::Request(request, sender)) => {
                    let _ = sender.send(self.obey(&request));
                }
                Ok(Message::Ready) => self.is_ready = true,
                Ok(Message::Failed(error)) => break Err(error),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = self.look() {
                break Err(error);
            }
        };
        let stopped = self.stop_all();
        if let Some(sender) = last_reply {
            let _ = sender.send(self.report(None));
            // Nobody takes a second one: this returns when the first was written to the client.
            let _ = sender.send(Reply::default());
        }
        result.and(stopped)
    }

    fn obey(&mut self, request: &Request) -> Reply {
        let result = match request {
            Request::Status | Request::Stop => Ok(()),
            Request::Kill(name) => self.act(name, &[State::Running, State::Paused], "kill"),
            Request::Start(name) => self.act(
                name,
                &[State::Killed, State::Stopped, State::Ended],
                "start",
            ),
            Request::Pause(name) => self.act(name, &[State::Running], "pause"),
            Request::Resume(name) => self.act(name, &[State::Paused], "resume"),
        };
        self.report(result.err())
    }

    /// Does `verb` to a node that has to be in one of the states `from`.
    fn act(&mut self, name: &str, from: &[State], verb: &str) -> Result<(), String> {
        let known: Vec<_> = self.nodes.keys().cloned().collect();
        let Some(node) = self.nodes.get_mut(name) else {
            return Err(format!("no node `{name}`; there are {}", known.join(", ")));
        };
        node.look();
        if !from.contains(&node.state()) {
            let state = format!("{:?}", node.state()).to_lowercase();
            return Err(format!("cannot {verb} {name}: it is {state}"));
        }
        let done = match verb {
            "kill" => node.kill(),
            "start" => node.start(),
            "pause" => node.pause(),
            _ => node.resume(),
        };
        done.map_err(|error| failed(verb, name, &error).message)
    }

    /// Notices nodes that ended by themselves.
    fn look(&mut self) -> Outcome {
        for (name, node) in &mut self.nodes {
            if !node.look() {
                continue;
            }
            let code = node.exit().unwrap_or(1);
            let log = node.log().display();
            if !self.is_ready {
                let row = TABLE.iter().find(|row| row.1 == code && code != 0);
                let exit = row.map_or(Exit::Failure, |row| row.0);
                let reason = last_line(node);
                let message = format!("{name} did not start (exit code {code}): {reason}");
                return Err(CliError::new(exit, message).next(format!("read {log}")));
            }
            let text = format!("{name} ended by itself with exit code {code}: read {log}");
            self.output.note(&text);
        }
        Ok(())
    }

    fn report(&self, error: Option<String>) -> Reply {
        let nodes = self.nodes.iter().map(|(name, node)| NodeReport {
            name: name.clone(),
            state: node.state(),
            pid: node.pid(),
            exit: node.exit(),
            log: node.log().clone(),
        });
        Reply {
            error,
            nodes: nodes.collect(),
        }
    }

    fn stop_all(&mut self) -> Outcome {
        for node in self.nodes.values_mut() {
            node.ask_to_stop();
        }
        for (name, node) in &mut self.nodes {
            node.wait_stopped()
                .map_err(|error| failed("stop", name, &error))?;
        }
        Ok(())
    }
}

fn failed(doing: &str, name: &str, error: &io::Error) -> CliError {
    CliError::new(Exit::Io, format!("cannot {doing} {name}: {error}"))
}

/// Returns the last thing a node said.
fn last_line(node: &NodeProcess) -> String {
    let text = std::fs::read(node.log()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| line.starts_with("error:"));
    let line = line.or_else(|| text.lines().last());
    let line = line.unwrap_or("it said nothing");
    line.strip_prefix("error:")
        .unwrap_or(line)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Sender, channel, sync_channel};
    use std::thread;

    use super::*;

    fn recipe(script: &str, folder: &Path) -> Recipe {
        Recipe {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            log: folder.join("log"),
        }
    }

    fn ask(inbox: &Sender<Message>, request: Request) -> Reply {
        let (sender, receiver) = sync_channel(1);
        inbox.send(Message::Request(request, sender)).unwrap();
        receiver.recv().unwrap()
    }

    fn states(reply: &Reply) -> Vec<State> {
        reply.nodes.iter().map(|node| node.state).collect()
    }

    #[test]
    fn kills_and_starts_its_own_children_only() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = ["n1", "n2"].map(|name| (name.to_owned(), recipe("exec cat", folder.path())));
        let supervisor = Supervisor::start(nodes.into(), Output::unparsed(false)).unwrap();
        let (inbox, outbox) = channel();
        let running = thread::spawn(move || supervisor.run(&outbox));
        let before = ask(&inbox, Request::Status);
        assert_eq!(states(&before), [State::Running; 2]);
        let killed = ask(&inbox, Request::Kill("n2".to_owned()));
        assert_eq!(states(&killed), [State::Running, State::Killed]);
        let again = ask(&inbox, Request::Kill("n2".to_owned()));
        assert_eq!(again.error.as_deref(), Some("cannot kill n2: it is killed"));
        let unknown = ask(&inbox, Request::Kill("n9".to_owned()));
        assert_eq!(
            unknown.error.as_deref(),
            Some("no node `n9`; there are n1, n2")
        );
        let started = ask(&inbox, Request::Start("n2".to_owned()));
        assert_eq!(states(&started), [State::Running; 2]);
        assert_ne!(started.nodes[1].pid, before.nodes[1].pid);
        let stopped = ask(&inbox, Request::Stop);
        assert_eq!(states(&stopped), [State::Stopped; 2]);
        running.join().unwrap().unwrap();
    }

    #[test]
    fn early_end_of_a_node_ends_the_start_with_its_code() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo 'error: port 7101 is in use' >&2; exit 69";
        let nodes = vec![("n1".to_owned(), recipe(script, folder.path()))];
        let supervisor = Supervisor::start(nodes, Output::unparsed(false)).unwrap();
        let (_inbox, outbox) = channel();
        let error = supervisor.run(&outbox).unwrap_err();
        assert_eq!(error.exit, Exit::PortInUse);
        assert!(
            error.message.contains("port 7101 is in use"),
            "{}",
            error.message
        );
    }
}
