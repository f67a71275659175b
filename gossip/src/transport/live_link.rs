//! A link that is up: its connection, its send queues, and the task that sees it to its end.
//!
//! Ten tasks serve a link, a writer and a reader for each lane, because a write or a read that is
//! abandoned half-way leaves half a frame on the stream. Whoever finds a reason to end the link
//! leaves it in the verdict, first come first served, and closes the connection; all others end
//! with it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use quinn::Connection;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::close::{close, disconnect_reason};
use super::gate::GatePass;
use super::inbox::LinkFacts;
use super::lane_reader::read_lane;
use super::lane_writer::write_lane;
use super::lanes::Lanes;
use super::pool::Pool;
use super::send_queue::SendQueue;
use super::shared::Shared;
use super::stats::LinkStats;
use crate::lane::{Lane, PerLane};
use crate::link::{DisconnectReason, LinkFault, SendError};

/// What all tasks of a link share.
pub(super) struct LiveLink {
    pub(super) facts: LinkFacts,
    pub(super) connection: Connection,
    queues: PerLane<SendQueue>,
    /// Since when a long frame has been arriving on a lane.
    arriving: Mutex<PerLane<Option<Instant>>>,
    verdict: OnceLock<DisconnectReason>,
    leaving: Notify,
}

impl LiveLink {
    /// Wraps a connection whose lanes are open.
    pub(super) fn new(facts: LinkFacts, connection: Connection, pool: &Arc<Pool>) -> Self {
        Self {
            facts,
            connection,
            queues: PerLane::from_fn(|lane| SendQueue::new(lane, Arc::clone(pool))),
            arriving: Mutex::default(),
            verdict: OnceLock::new(),
            leaving: Notify::new(),
        }
    }

    /// Takes a frame for sending.
    pub(super) fn send(&self, lane: Lane, frame: Bytes) -> Result<(), SendError> {
        self.queues[lane].push(frame)
    }

    /// Returns the queue of a lane.
    pub(super) fn queue(&self, lane: Lane) -> &SendQueue {
        &self.queues[lane]
    }

    /// Returns how many bytes of the pool wait on a lane whose peer has taken nothing since
    /// `before`, with that lane; `None` if there is no such lane.
    pub(super) fn stalled(&self, before: Instant) -> Option<(usize, Lane)> {
        let stalled = self
            .queues
            .iter()
            .map(|(lane, queue)| (queue.stalled(), lane));
        let stalled = stalled.filter(|((bytes, moved), _)| *bytes > 0 && *moved <= before);
        stalled.map(|((bytes, _), lane)| (bytes, lane)).max()
    }

    /// Notes that a long frame is arriving on a lane at `now`, or that none is.
    pub(super) fn arrives(&self, lane: Lane, now: Option<Instant>) {
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        arriving[lane] = now.map(|now| arriving[lane].unwrap_or(now));
    }

    /// Returns since when the longest arriving frame has been doing so, and on which lane.
    pub(super) fn arriving(&self) -> Option<(Instant, Lane)> {
        let arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        let since = arriving
            .iter()
            .filter_map(|(lane, since)| Some(((*since)?, lane)));
        since.min()
    }

    /// Reads what QUIC knows about the link.
    pub(super) fn stats(&self) -> LinkStats {
        let stats = self.connection.stats();
        LinkStats {
            round_trip: stats.path.rtt,
            udp_bytes_in: stats.udp_rx.bytes,
            udp_bytes_out: stats.udp_tx.bytes,
            packets_lost: stats.path.lost_packets,
        }
    }

    /// Ends the link at once because the peer broke a rule.
    pub(super) fn fail(&self, fault: LinkFault) {
        let _ = self.verdict.set(DisconnectReason::Fault { fault });
        self.close_now();
    }

    /// Ends the link after the frames that wait on the consensus lane, for which the peer has a
    /// short while: a node that is turned away should read why.
    pub(super) fn leave(&self, reason: DisconnectReason) {
        let _ = self.verdict.set(reason);
        self.close_queues();
        self.leaving.notify_one();
    }

    fn close_now(&self) {
        if let Some(reason) = self.verdict.get() {
            close(&self.connection, reason);
        }
    }

    fn close_queues(&self) {
        for (_, queue) in self.queues.iter() {
            queue.close();
        }
    }

    fn reason(&self) -> DisconnectReason {
        self.verdict.get().cloned().unwrap_or_else(|| {
            let error = self
                .connection
                .close_reason()
                .expect("the connection is closed");
            disconnect_reason(error)
        })
    }
}

/// Serves a link until it has ended, then reports why.
pub(super) async fn run_link(
    shared: Arc<Shared>,
    link: Arc<LiveLink>,
    lanes: Lanes,
    pass: Option<GatePass>,
) {
    let (mut farewell, mut hearing, mut others) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for (lane, stream) in Lane::ALL.into_iter().zip(lanes.send.into_array()) {
        let set = if lane == Lane::Consensus {
            &mut farewell
        } else {
            &mut others
        };
        set.spawn(write_lane(shared.clone(), link.clone(), lane, stream));
    }
    for (lane, stream) in Lane::ALL.into_iter().zip(lanes.receive.into_array()) {
        let set = if lane == Lane::Consensus {
            &mut hearing
        } else {
            &mut others
        };
        set.spawn(read_lane(shared.clone(), link.clone(), lane, stream));
    }
    tokio::select! {
        _ = link.connection.closed() => {}
        () = link.leaving.notified() => {
            let _ = timeout(shared.timeouts.drain, farewell.join_next()).await;
            link.close_now();
        }
    }
    link.close_queues();
    others.shutdown().await;
    farewell.shutdown().await;
    if link.verdict.get().is_none() {
        // The peer hung up: what it said last has arrived and is still read.
        while hearing.join_next().await.is_some() {}
    }
    hearing.shutdown().await;
    drop(pass);
    shared.links.remove(link.facts.link);
    shared.inbox.disconnected(link.facts.link, link.reason());
}
