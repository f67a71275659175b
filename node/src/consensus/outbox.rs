//! What waits for the disk: visible actions leave in order, each only when all the log entries and
//! guard records before it are durable.
//!
//! Entries pile up until something visible depends on them; one [`Persist`] then takes all of them,
//! so that a height costs a handful of syncs and not one per vote.
//!
//! [`Persist`]: Action::Persist

use std::collections::VecDeque;

use starling_gossip::message::ConsensusMessage;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::vote::Height;

use super::action::{Action, PersistId};
use super::engine::Input;
use super::guard::{GuardRecord, GuardState, OwnMessage};
use super::wal::{LogEntry, LogRecord};

/// What becomes visible once the disk has what it follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Visible {
    /// A message of the engine.
    Publish(ConsensusMessage),
    /// The body of an own proposal.
    SendBlock(Height, BlockHash),
    /// A decision.
    Decided(CommitCertificate),
}

enum Entry {
    Barrier(PersistId),
    Visible(Visible),
}

/// The queue.
///
/// Its length is bounded by what one engine emits between two syncs: the guard allows one message
/// per step, and inputs are taken one at a time.
#[derive(Default)]
pub(super) struct Outbox {
    log: Vec<LogRecord>,
    signed: Vec<OwnMessage>,
    queue: VecDeque<Entry>,
    last_id: u64,
}

impl Outbox {
    /// Records an input of the engine.
    pub(super) fn log(&mut self, height: Height, input: &Input) {
        if let Some(entry) = LogEntry::from_input(input) {
            self.log.push(LogRecord { height, entry });
        }
    }

    /// Records a signature that was just made.
    pub(super) fn signed(&mut self, message: OwnMessage) {
        self.signed.push(message);
    }

    /// Queues what must not be seen before everything recorded until now is durable.
    pub(super) fn push(&mut self, visible: Visible) {
        self.queue.push_back(Entry::Visible(visible));
    }

    /// Asks for durability of what was recorded, and puts a barrier before the visible actions
    /// queued since `mark` (the queue's length before the records came).
    pub(super) fn seal(&mut self, mark: usize, guard: Option<&GuardState>, out: &mut Vec<Action>) {
        let nothing_new = self.log.is_empty() && self.signed.is_empty();
        if nothing_new || self.queue.len() <= mark {
            return;
        }
        self.last_id += 1;
        let id = PersistId(self.last_id);
        let messages = std::mem::take(&mut self.signed);
        let log = std::mem::take(&mut self.log);
        let bodies = log.iter().filter_map(valid_block).collect();
        self.queue.insert(mark, Entry::Barrier(id));
        let guard = guard.filter(|_| !messages.is_empty());
        out.push(Action::Persist {
            id,
            log,
            bodies,
            guard: guard.map(|guard| guard.record(messages)),
        });
    }

    /// Asks for a guard record that nothing waits for.
    pub(super) fn write_guard(&mut self, record: GuardRecord, out: &mut Vec<Action>) {
        self.last_id += 1;
        out.push(Action::Persist {
            id: PersistId(self.last_id),
            log: Vec::new(),
            bodies: Vec::new(),
            guard: Some(record),
        });
    }

    /// Returns the length of the queue, to be passed to [`Outbox::seal`].
    pub(super) fn mark(&self) -> usize {
        self.queue.len()
    }

    /// Takes note that a write is durable.
    pub(super) fn persisted(&mut self, done: PersistId) {
        for entry in &mut self.queue {
            if let Entry::Barrier(id) = entry
                && *id <= done
            {
                // Writes finish in order, so whatever was asked for before is durable as well.
                *id = PersistId(0);
            }
        }
    }

    /// Takes the next action that nothing holds back.
    pub(super) fn pop(&mut self) -> Option<Visible> {
        loop {
            match self.queue.front()? {
                Entry::Barrier(PersistId(0)) => {
                    self.queue.pop_front();
                }
                Entry::Barrier(_) => return None,
                Entry::Visible(_) => {}
            }
            if let Some(Entry::Visible(_)) = self.queue.front() {
                let Some(Entry::Visible(visible)) = self.queue.pop_front() else {
                    return None;
                };
                return Some(visible);
            }
        }
    }
}

fn valid_block(record: &LogRecord) -> Option<BlockHash> {
    match record.entry {
        LogEntry::Value {
            block, valid: true, ..
        } => Some(block),
        _ => None,
    }
}
