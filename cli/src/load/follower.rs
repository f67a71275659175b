//! Sees transactions become final: by a node's events, and by asking for the blocks that they left
//! out.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::command::block;
use crate::error::Outcome;
use crate::rpc::Rpc;
use crate::rpc::events::{self, Event};

/// How often to ask a node whose events do not come.
const ASK: Duration = Duration::from_millis(100);

/// Follows the chain from one height on.
#[derive(Debug)]
pub(crate) struct Follower {
    nodes: Vec<Rpc>,
    current: usize,
    events: Option<Receiver<Event>>,
    height: u64,
    asked: Instant,
}

impl Follower {
    /// Follows the nodes at `urls`, the first as long as it is there, after block `height`.
    ///
    /// # Errors
    /// If a URL is none.
    pub(crate) fn new(urls: &[String], height: u64) -> Outcome<Self> {
        let nodes = urls
            .iter()
            .map(|url| Rpc::new(url, Some(Duration::from_secs(5))));
        let mut follower = Self {
            nodes: nodes.collect::<Outcome<_>>()?,
            current: 0,
            events: None,
            height,
            asked: Instant::now(),
        };
        follower.subscribe();
        Ok(follower)
    }

    /// Returns the height followed so far.
    pub(crate) const fn height(&self) -> u64 {
        self.height
    }

    /// Waits at most `patience`, and returns the ids of transactions that became final.
    pub(crate) fn next(&mut self, patience: Duration) -> Vec<String> {
        let Some(events) = &self.events else {
            std::thread::sleep(patience);
            return self.ask();
        };
        match events.recv_timeout(patience) {
            Ok(Event::Block(found)) if found.height == self.height + 1 => {
                self.height = found.height;
                self.asked = Instant::now();
                found.transactions
            }
            Ok(Event::Block(found)) if found.height > self.height => self.fetch(found.height),
            Ok(_) => Vec::new(),
            Err(RecvTimeoutError::Timeout) => self.ask(),
            Err(RecvTimeoutError::Disconnected) => {
                self.current = (self.current + 1) % self.nodes.len().max(1);
                self.subscribe();
                self.ask()
            }
        }
    }

    fn subscribe(&mut self) {
        let node = self.nodes.get(self.current);
        self.events = node.and_then(|node| events::open(node.url()));
    }

    /// Asks for the height, at most every [`ASK`].
    fn ask(&mut self) -> Vec<String> {
        if self.asked.elapsed() < ASK {
            return Vec::new();
        }
        self.asked = Instant::now();
        match self.nodes.get(self.current).map(Rpc::status) {
            Some(Ok(status)) if status.height > self.height => self.fetch(status.height),
            Some(Ok(_)) => Vec::new(),
            _ => {
                self.current = (self.current + 1) % self.nodes.len().max(1);
                Vec::new()
            }
        }
    }

    /// Reads the blocks up to `height` that no event told of.
    fn fetch(&mut self, height: u64) -> Vec<String> {
        let mut ids = Vec::new();
        while self.height < height {
            let node = self.nodes.get(self.current);
            let block = node.and_then(|node| block::transaction_ids(node, self.height + 1));
            let Some(block) = block else {
                break;
            };
            self.height += 1;
            ids.extend(block.iter().map(ToString::to_string));
        }
        ids
    }
}
