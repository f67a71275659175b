//! The one listener to the node's events: words them once for all subscribers, and counts them.
//!
//! Events of the chain (blocks, final transactions) are on disk, so the hub only says that there is
//! a block and keeps the words of the last one. The others pass by: whoever is not there does not
//! hear them.
//!
//! # Limits
//! [`NEWS_MAX`] pieces of [`BATCH_BYTES`] and one block are kept: some 8 MiB at the most.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use starling_ledger::transaction::TransactionId;
use starling_ledger::vote::Height;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::time::{MissedTickBehavior, interval};

use super::replay;
use super::site::Site;
use crate::api::{
    BlockEvent, ConsensusReply, GapEvent, HaltEvent, ResumeEvent, SilentValidator, TransactionEvent,
};
use crate::consensus::ConsensusEvent;
use crate::core::{Event, Status};
use crate::runtime::NumberedEvent;

/// Most pieces of news a subscriber may lag behind.
const NEWS_MAX: usize = 256;
/// Most bytes of events that are handed on as one piece.
const BATCH_BYTES: usize = 16 * 1024;
/// Most transactions of a proposal that are told one by one. Those of a larger one are told when
/// they are final: at that load it is a moment later.
const PROPOSED_MAX: usize = 100;

/// A piece of news.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// The block at this height is final and on disk.
    Block(Height),
    /// Events that are told once.
    Passing(Bytes),
}

/// Where subscribers listen.
pub(super) struct Hub {
    news: Sender<News>,
    latest: Mutex<Option<(Height, Bytes)>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            news: Sender::new(NEWS_MAX),
            latest: Mutex::default(),
        }
    }
}

impl Hub {
    /// Listens from now on.
    pub(super) fn subscribe(&self) -> Receiver<News> {
        self.news.subscribe()
    }

    /// Returns the words of the block at `height`, if it is the last.
    pub(super) fn block(&self, height: Height) -> Option<Bytes> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest
            .as_ref()
            .filter(|(at, _)| *at == height)
            .map(|(_, words)| words.clone())
    }

    fn tell(&self, news: News) {
        // Nobody subscribed is no failure.
        let _ = self.news.send(news);
    }

    fn tell_block(&self, block: &BlockEvent) {
        let mut words = String::new();
        replay::write_block(&mut words, block, None);
        let latest = Some((block.height, Bytes::from(words)));
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = latest;
        self.tell(News::Block(block.height));
    }
}

/// Listens to the node as long as the server runs.
pub(super) async fn run(site: Arc<Site>, mut events: Receiver<Arc<NumberedEvent>>) {
    let mut writer = Writer {
        site: &site,
        batch: String::new(),
        halted: false,
    };
    let mut look = interval(site.limits.watch_interval);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => writer.take_all(&event.event, &mut events),
                Err(RecvError::Lagged(_)) => writer.missed(),
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => writer.look(),
        }
        writer.flush();
    }
}

/// Puts events into words.
struct Writer<'site> {
    site: &'site Site,
    batch: String,
    halted: bool,
}

impl Writer<'_> {
    /// Takes an event, and those that wait behind it.
    fn take_all(&mut self, first: &Event, more: &mut Receiver<Arc<NumberedEvent>>) {
        self.take(first);
        while self.batch.len() < BATCH_BYTES {
            match more.try_recv() {
                Ok(event) => self.take(&event.event),
                Err(TryRecvError::Lagged(_)) => self.missed(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Accepted(id) => {
                self.site.metrics.accepted(*id);
                self.transaction(*id, "accepted", TransactionEvent::default());
            }
            Event::Left(left) => {
                let code = left.why.code();
                self.site.metrics.left(left.id, code);
                let told = TransactionEvent {
                    code: Some(code),
                    reason: Some(left.why.to_string()),
                    ..Default::default()
                };
                self.transaction(left.id, "left", told);
            }
            Event::Gossiped {
                id,
                sent_to,
                neighbours,
            } => {
                let (sent_to, neighbours) = (Some(*sent_to), Some(*neighbours));
                let told = TransactionEvent {
                    sent_to,
                    neighbours,
                    ..Default::default()
                };
                self.transaction(*id, "gossiped", told);
            }
            Event::Proposed {
                height,
                round,
                block,
                proposer,
                transactions,
            } => {
                let told = TransactionEvent {
                    height: Some(*height),
                    round: Some(*round),
                    block: Some(block.to_string()),
                    proposer: Some(self.site.names.address(*proposer)),
                    ..Default::default()
                };
                for id in transactions.iter().take(PROPOSED_MAX) {
                    self.transaction(*id, "proposed", told.clone());
                }
            }
            Event::Final {
                transactions,
                synced,
                ..
            } => {
                self.flush();
                self.site.metrics.finalized(transactions, *synced);
                if let Some(block) = final_block(event) {
                    self.site.hub.tell_block(&block);
                }
            }
            Event::Consensus(ConsensusEvent::Offence(_)) => self.site.metrics.offended(),
            Event::Restored(report) => self.site.metrics.restored(report),
            Event::State(_) | Event::Consensus(_) | Event::Note(_) | Event::Warning(_) => {}
        }
    }

    fn transaction(&mut self, id: TransactionId, stage: &'static str, told: TransactionEvent) {
        let told = TransactionEvent {
            id: id.to_string(),
            stage,
            ..told
        };
        replay::write(&mut self.batch, None, "transaction", &told);
    }

    /// The node told more than could be listened to; what is on disk is read from there.
    fn missed(&mut self) {
        let reason = "some events were missed; blocks and final transactions were not";
        let gap = GapEvent {
            reason,
            resume_after: None,
        };
        replay::write(&mut self.batch, None, "gap", &gap);
    }

    /// Looks whether the network stands still, or no longer does.
    fn look(&mut self) {
        let Some(status) = self.site.handle.status() else {
            return;
        };
        let halt = halt(self.site, &status);
        match (&halt, self.halted) {
            (Some(halt), false) => replay::write(&mut self.batch, None, "halt", halt),
            (None, true) => {
                let resume = ResumeEvent {
                    height: status.height,
                };
                replay::write(&mut self.batch, None, "resume", &resume);
            }
            _ => {}
        }
        self.halted = halt.is_some();
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            let words = std::mem::take(&mut self.batch);
            self.site.hub.tell(News::Passing(words.into()));
        }
    }
}

/// Says how the network stands still, if it does.
pub(super) fn halt(site: &Site, status: &Status) -> Option<HaltEvent> {
    status.consensus.halted_since?;
    let consensus = ConsensusReply::new(status, &site.names);
    let silent = consensus
        .validators
        .into_iter()
        .filter(|validator| !validator.present);
    Some(HaltEvent {
        height: status.height,
        halted_since_ms: consensus.halted_since_ms?,
        present_permille: consensus.present_permille,
        needed: consensus.needed,
        silent: silent
            .map(|validator| SilentValidator {
                account: validator.account,
                name: validator.name,
                since_ms: validator.silent_since_ms,
            })
            .collect(),
    })
}

fn final_block(event: &Event) -> Option<BlockEvent> {
    let Event::Final {
        height,
        block,
        time_ms,
        state_root,
        transactions,
        signed,
        validators,
        ..
    } = event
    else {
        return None;
    };
    Some(BlockEvent {
        height: *height,
        hash: block.to_string(),
        time_ms: *time_ms,
        state_root: state_root.to_string(),
        transactions: transactions.iter().map(TransactionId::to_string).collect(),
        signed: *signed,
        total: *validators,
    })
}
