//! Threads that bring transfers to the nodes, round robin.

use std::sync::mpsc::Sender;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use serde_json::json;

use crate::draft::Signed;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::key_file::hex;
use crate::rpc::Rpc;
use crate::rpc::reply::Submitted;

/// Threads per node. A node answers when a submission is on its disk, and syncs those together that
/// come meanwhile: with this many under way, 5 ms a sync allow 3,000 a second.
const THREADS_PER_NODE: usize = 16;
/// Transfers that wait for one thread.
const QUEUE_MAX: usize = 8;
/// Why a node refuses what others take when it is some blocks behind them: the sender's account,
/// its nonce, or its funds are not there yet.
const BEHIND: [&str; 3] = ["unknown_sender", "nonce_gap", "funds"];

/// A transfer on its way, and which account it is of.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The account.
    pub(crate) sender: usize,
    /// The transfer.
    pub(crate) signed: Signed,
    /// Whether it was submitted before.
    pub(crate) is_repeat: bool,
}

/// What became of a submission.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The transfer.
    pub(crate) job: Job,
    /// Why no node took it.
    pub(crate) error: Option<CliError>,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Submitters {
    queues: Vec<SyncSender<Job>>,
    next: usize,
}

impl Submitters {
    /// Starts the threads for the nodes at `urls`; what happens is told to `done`.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(urls: &[String], done: &Sender<Submission>) -> Outcome<Self> {
        let mut queues = Vec::new();
        for number in 0..THREADS_PER_NODE * urls.len() {
            // Each thread begins with another node, and goes to the next when that one is gone.
            let nodes = urls
                .iter()
                .cycle()
                .skip(number % urls.len())
                .take(urls.len());
            let nodes = nodes
                .map(|url| Rpc::new(url, None))
                .collect::<Outcome<Vec<_>>>()?;
            let (queue, jobs) = sync_channel(QUEUE_MAX);
            let done = done.clone();
            let thread = thread::Builder::new().name(format!("submit {number}"));
            thread
                .spawn(move || serve(&nodes, &jobs, &done))
                .exit(Exit::Io)?;
            queues.push(queue);
        }
        Ok(Self { queues, next: 0 })
    }

    /// Passes a transfer to the next thread that has room; gives it back if none has.
    pub(crate) fn submit(&mut self, mut job: Job) -> Option<Job> {
        for _ in 0..self.queues.len() {
            self.next = (self.next + 1) % self.queues.len();
            let Some(queue) = self.queues.get(self.next) else {
                return Some(job);
            };
            job = match queue.try_send(job) {
                Ok(()) => return None,
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
            };
        }
        Some(job)
    }
}

fn serve(nodes: &[Rpc], jobs: &Receiver<Job>, done: &Sender<Submission>) {
    for job in jobs {
        let error = submit(nodes, &job).err();
        if done.send(Submission { job, error }).is_err() {
            return;
        }
    }
}

/// Brings a transfer to one of the nodes.
fn submit(nodes: &[Rpc], job: &Job) -> Outcome<Submitted> {
    let parameters = json!({"transaction": hex(&job.signed.raw.0)});
    first(nodes, |node| node.typed("submit", &parameters))
}

/// Returns the answer of the first node that is there and not behind.
fn first<N, T>(nodes: &[N], ask: impl Fn(&N) -> Outcome<T>) -> Outcome<T> {
    let mut last = CliError::new(Exit::Unreachable, "no node to send to");
    for node in nodes {
        match ask(node) {
            Err(error) if error.exit == Exit::Unreachable || BEHIND.contains(&&*error.code) => {
                last = error;
            }
            answer => return answer,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word of a refusal, none from a node that is away.
    type Answer = Result<u8, Option<&'static str>>;

    fn asked(nodes: &[Answer]) -> Result<u8, (Exit, String)> {
        let ask = |node: &Answer| {
            node.map_err(|word| match word {
                Some(word) => CliError::new(Exit::Rejected, word).code(word),
                None => CliError::new(Exit::Unreachable, "away"),
            })
        };
        first(nodes, ask).map_err(|error| (error.exit, error.message))
    }

    #[test]
    fn passes_by_nodes_that_are_away_or_behind() {
        for away in [None, Some("unknown_sender"), Some("nonce_gap")] {
            assert_eq!(asked(&[Err(away), Ok(2), Ok(3)]), Ok(2), "{away:?}");
        }
        let all = [None, Some("unknown_sender")].map(Err);
        let refused = (Exit::Rejected, "unknown_sender".to_owned());
        assert_eq!(asked(&all), Err(refused));
    }

    #[test]
    fn a_refusal_that_all_would_give_is_asked_for_once() {
        let refused = (Exit::Rejected, "mempool_full".to_owned());
        assert_eq!(asked(&[Err(Some("mempool_full")), Ok(2)]), Err(refused));
        let none = (Exit::Unreachable, "no node to send to".to_owned());
        assert_eq!(asked(&[]), Err(none));
    }
}
