//! Flooding: each neighbour is sent what it has not got, once.
//!
//! Transactions are handed to the node once and relayed only after it accepted them, in batches.
//! Consensus messages are handed to the node as they come and relayed at once when it says so. Both
//! are known by content, so that another signature or another vote is another thing.
//!
//! # Source
//! gossip.md, sections 3 and 4. # Deviations: every transaction is pushed whole; hop counts,
//! announcements and pulls will come behind the same interface.

mod link_queue;
mod messages;
mod own;
mod seen;

use std::collections::BTreeMap;
use std::time::Duration;

use starling_ledger::transaction::{RawTransaction, TRANSACTION_BYTES_MAX, WireId};

pub(crate) use messages::Messages;

use crate::action::{Action, Outbox};
use crate::counters::Counters;
use crate::drops::Dropped;
use crate::fault::PeerFault;
use crate::input::Verdict;
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::TransactionFrame;
use crate::peer_id::PeerId;
use crate::time::Instant;

use link_queue::LinkQueue;
use own::{Own, Sent};
use seen::{Holders, Seen};

/// Transactions remembered where nobody says. Our choice: half a minute at 2,000 a second.
pub const MAX_SEEN_TRANSACTIONS: usize = 65_536;
/// About what one of them takes, with some links that have it.
pub const SEEN_TRANSACTION_BYTES: usize = 320;
/// Transactions of one peer that the node may be checking at a time.
pub const MAX_CHECKING_PER_PEER: usize = 4_096;
/// Bytes of those.
pub const MAX_CHECKING_BYTES_PER_PEER: usize = 4 << 20;
/// After this time a transaction that was dropped is checked again if it comes again: the state it
/// failed on may have changed.
const RECHECK_AFTER: Duration = Duration::from_secs(5);

/// Where a transaction stands.
#[derive(Debug)]
enum Stage {
    /// The node has it; it was counted against this link.
    Checking { raw: RawTransaction, from: LinkId },
    /// It was relayed.
    Accepted,
    /// The node had no use for it.
    Dropped { at: Instant },
    /// It is wrong for ever; who sends it is at fault.
    Invalid(PeerFault),
}

#[derive(Debug)]
struct Known {
    stage: Stage,
    holders: Holders,
}

#[derive(Debug)]
struct Neighbour {
    peer: PeerId,
    queue: LinkQueue,
    checking: usize,
    checking_bytes: usize,
}

/// The flooding of transactions.
#[derive(Debug)]
pub(crate) struct Flood {
    neighbours: BTreeMap<LinkId, Neighbour>,
    seen: Seen<WireId, Known>,
    own: Own,
}

impl Flood {
    /// Floods, and remembers at most `seen_max` transactions.
    pub(crate) fn new(seen_max: usize) -> Self {
        Self {
            neighbours: BTreeMap::new(),
            seen: Seen::new(seen_max),
            own: Own::default(),
        }
    }

    pub(crate) fn add(&mut self, peer: PeerId, link: LinkId) {
        let queue = LinkQueue::default();
        let neighbour = Neighbour {
            peer,
            queue,
            checking: 0,
            checking_bytes: 0,
        };
        self.neighbours.insert(link, neighbour);
    }

    pub(crate) fn remove(&mut self, link: LinkId) {
        self.neighbours.remove(&link);
    }

    /// Takes pushed transactions, and hands over those that are new.
    pub(crate) fn on_push(
        &mut self,
        now: Instant,
        (link, pushed): (LinkId, Vec<RawTransaction>),
        out: &mut Outbox,
        counters: &mut Counters,
    ) -> Result<(), PeerFault> {
        counters.transactions_in += pushed.len() as u64;
        let mut batch = Vec::new();
        let mut result = Ok(());
        for raw in pushed {
            match self.on_transaction(now, link, raw, counters) {
                Ok(fresh) => batch.extend(fresh),
                Err(fault) => {
                    result = Err(fault);
                    break;
                }
            }
        }
        if let Some(neighbour) = self.neighbours.get(&link).filter(|_| !batch.is_empty()) {
            out.push(Action::CheckTransactions {
                from: neighbour.peer,
                batch,
            });
        }
        result
    }

    fn on_transaction(
        &mut self,
        now: Instant,
        link: LinkId,
        raw: RawTransaction,
        counters: &mut Counters,
    ) -> Result<Option<RawTransaction>, PeerFault> {
        let size_bytes = raw.0.len();
        if size_bytes > TRANSACTION_BYTES_MAX {
            return Err(PeerFault::OversizedTransaction { size_bytes });
        }
        let Some(neighbour) = self.neighbours.get_mut(&link) else {
            return Ok(None);
        };
        let wire_id = raw.wire_id();
        let known = self.seen.get_mut(&wire_id);
        if let Some(known) = known {
            known.holders.insert(link);
            match &known.stage {
                Stage::Invalid(fault) => return Err(fault.clone()),
                Stage::Dropped { at } if now.since(*at) >= RECHECK_AFTER => {}
                _ => {
                    counters.transaction_duplicates += 1;
                    return Ok(None);
                }
            }
        }
        let bytes = neighbour.checking_bytes + size_bytes;
        if neighbour.checking >= MAX_CHECKING_PER_PEER || bytes > MAX_CHECKING_BYTES_PER_PEER {
            // Not remembered, so that it is taken when it comes again.
            counters.drops.count(Dropped::TransactionChecksFull);
            return Ok(None);
        }
        neighbour.checking += 1;
        neighbour.checking_bytes = bytes;
        let stage = Stage::Checking {
            raw: raw.clone(),
            from: link,
        };
        match self.seen.get_mut(&wire_id) {
            Some(known) => known.stage = stage,
            None => self.remember(
                wire_id,
                Known {
                    stage,
                    holders: Holders::of(link),
                },
            ),
        }
        Ok(Some(raw))
    }

    /// Remembers a transaction; the oldest makes room, and no longer counts as being checked.
    fn remember(&mut self, wire_id: WireId, known: Known) {
        if let Some(Stage::Checking { raw, from }) =
            self.seen.insert(wire_id, known).map(|oldest| oldest.stage)
        {
            self.release(&raw, from);
        }
    }

    fn release(&mut self, raw: &RawTransaction, from: LinkId) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.checking = neighbour.checking.saturating_sub(1);
            neighbour.checking_bytes = neighbour.checking_bytes.saturating_sub(raw.0.len());
        }
    }

    /// Takes the node's verdict; returns who has to bear a fault.
    pub(crate) fn on_checked(
        &mut self,
        now: Instant,
        (wire_id, verdict): (WireId, Verdict),
        counters: &mut Counters,
    ) -> Vec<(LinkId, PeerFault)> {
        let Some(known) = self.seen.get_mut(&wire_id) else {
            if verdict == Verdict::Accepted {
                counters.drops.count(Dropped::TransactionForgotten);
            }
            return Vec::new();
        };
        let next = match &verdict {
            Verdict::Accepted => Stage::Accepted,
            Verdict::Dropped => Stage::Dropped { at: now },
            Verdict::Fault(fault) => Stage::Invalid(fault.clone()),
        };
        if !matches!(known.stage, Stage::Checking { .. }) {
            return Vec::new();
        }
        let Stage::Checking { raw, from } = std::mem::replace(&mut known.stage, next) else {
            return Vec::new();
        };
        let senders = known.holders.clone();
        self.release(&raw, from);
        match verdict {
            Verdict::Accepted => {
                self.relay(now, wire_id, &raw, counters);
                Vec::new()
            }
            Verdict::Dropped => Vec::new(),
            Verdict::Fault(fault) => senders.iter().map(|link| (link, fault.clone())).collect(),
        }
    }

    /// Floods a transaction of this node's own users.
    pub(crate) fn submit(
        &mut self,
        now: Instant,
        raw: &RawTransaction,
        out: &mut Outbox,
        counters: &mut Counters,
    ) {
        let wire_id = raw.wire_id();
        let queued = self.accept(now, (wire_id, raw), counters);
        let neighbours = self.neighbours.len();
        let told = self.own.follow(wire_id, queued, neighbours);
        out.actions.extend(told.map(sent_on));
    }

    /// Floods a transaction that the node accepted, whatever was thought of it before; returns for
    /// how many neighbours it is queued.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        (wire_id, raw): (WireId, &RawTransaction),
        counters: &mut Counters,
    ) -> usize {
        match self.seen.get_mut(&wire_id) {
            Some(known) => {
                let before = std::mem::replace(&mut known.stage, Stage::Accepted);
                if let Stage::Checking { raw, from } = before {
                    self.release(&raw, from);
                }
            }
            None => {
                let holders = Holders::default();
                self.remember(
                    wire_id,
                    Known {
                        stage: Stage::Accepted,
                        holders,
                    },
                );
            }
        }
        self.relay(now, wire_id, raw, counters)
    }

    /// Queues a transaction for every neighbour that has not sent it or been sent it, and counts
    /// them.
    fn relay(
        &mut self,
        now: Instant,
        wire_id: WireId,
        raw: &RawTransaction,
        counters: &mut Counters,
    ) -> usize {
        let Some(known) = self.seen.get_mut(&wire_id) else {
            return 0;
        };
        let mut queued = 0;
        for (link, neighbour) in &mut self.neighbours {
            if !known.holders.insert(*link) {
                continue;
            }
            if neighbour.queue.push(now, raw.clone()) {
                queued += 1;
            } else {
                counters.drops.count(Dropped::SendTransactionQueueFull);
            }
        }
        queued
    }

    /// Queues the node's pending transactions for a neighbour that came up.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        (link, transactions): (LinkId, Vec<RawTransaction>),
        counters: &mut Counters,
    ) {
        for raw in transactions {
            let wire_id = raw.wire_id();
            if self.seen.get_mut(&wire_id).is_none() {
                let holders = Holders::default();
                self.remember(
                    wire_id,
                    Known {
                        stage: Stage::Accepted,
                        holders,
                    },
                );
            }
            let is_news = self
                .seen
                .get_mut(&wire_id)
                .is_some_and(|known| known.holders.insert(link));
            let neighbour = self.neighbours.get_mut(&link).filter(|_| is_news);
            if neighbour.is_some_and(|neighbour| !neighbour.queue.push(now, raw)) {
                counters.drops.count(Dropped::SendTransactionQueueFull);
            }
        }
    }

    /// Sends the batches that are due.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outbox, counters: &mut Counters) {
        for (link, neighbour) in &mut self.neighbours {
            for batch in neighbour.queue.flush(now) {
                counters.transactions_out += batch.len() as u64;
                out.actions
                    .extend(self.own.left(&batch).into_iter().map(sent_on));
                let frame = TransactionFrame::Push(batch).encode();
                out.send(*link, Lane::Transactions, frame);
            }
        }
    }

    /// Returns when the next batch is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.neighbours
            .values()
            .filter_map(|neighbour| neighbour.queue.due())
            .min()
    }
}

fn sent_on(sent: Sent) -> Action {
    let Sent {
        wire_id,
        sent_to,
        neighbours,
    } = sent;
    Action::SentOn {
        wire_id,
        sent_to,
        neighbours,
    }
}
