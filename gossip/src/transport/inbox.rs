//! What waits for the core: received frames and news of links, the most urgent first.
//!
//! Lanes do not end at the socket: each lane of each link has a queue of its own here, bounded in
//! bytes. When it is full the reader of that one stream waits, and QUIC's flow control makes the
//! peer wait; no other lane and no other peer does. Taking goes by lane, then in turn by link.
//!
//! # Invariants
//! - `Connected` of a link comes before its frames, `Disconnected` after them, and nothing later.
//!   Both stand in the queue of the consensus lane, so what a peer says there before it hangs up
//!   is heard; frames of other lanes that still wait then are dropped.
//! - A link's slot is held until its `Disconnected` is taken, so a core that is slow is not
//!   buried under news of links that come and go.
//!
//! # Limits
//! Per link: [`inbox_bytes_max`] on each lane, 8.4 MiB in all. A frame takes its room when its
//! header has come, so partial frames are part of it. What long frames take as they arrive is
//! bounded for all links together, see `pool`.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::events::TransportEvent;
use super::pool::Taken;
use crate::lane::{Lane, PerLane};
use crate::link::{DialFailure, Direction, DisconnectReason, LinkId};
use crate::peer_id::PeerId;

/// What a waiting frame costs besides its bytes, so that tiny frames are bounded too.
pub(super) const FRAME_OVERHEAD_BYTES: usize = 64;

/// Returns how many bytes of frames, with `FRAME_OVERHEAD_BYTES` for each, may wait on a lane of
/// one link: at least one of the largest.
pub const fn inbox_bytes_max(lane: Lane) -> usize {
    match lane {
        Lane::Blocks | Lane::Sync => lane.frame_bytes_max() + FRAME_OVERHEAD_BYTES,
        Lane::Consensus | Lane::Transactions | Lane::Address => {
            2 * (lane.frame_bytes_max() + FRAME_OVERHEAD_BYTES)
        }
    }
}

/// The two parties of a link and its direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkFacts {
    pub(super) link: LinkId,
    pub(super) peer: PeerId,
    pub(super) address: SocketAddr,
    pub(super) direction: Direction,
}

/// The queues, filled by many tasks and emptied by one.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<(TransportEvent, OwnedSemaphorePermit)>,
    /// Links with something waiting, in the order in which they are served.
    turns: PerLane<VecDeque<LinkId>>,
    links: BTreeMap<LinkId, Entry>,
    /// Frames that still waited when their link had ended.
    frames_left: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Entry {
    facts: LinkFacts,
    waiting: PerLane<VecDeque<Waiting>>,
    _slot: OwnedSemaphorePermit,
}

/// The room of a frame: in the queue of its lane, and in the pool of all links.
pub(super) type Room = (OwnedSemaphorePermit, Taken);

#[derive(Debug)]
enum Waiting {
    Connected,
    Frame { bytes: Bytes, _room: Room },
    Disconnected(DisconnectReason),
}

impl Inbox {
    /// Announces a new link, which holds `slot`.
    pub(super) fn connected(&self, facts: LinkFacts, slot: OwnedSemaphorePermit) {
        let mut state = self.lock();
        let entry = Entry {
            facts,
            waiting: PerLane::default(),
            _slot: slot,
        };
        state.links.insert(facts.link, entry);
        state.push(facts.link, Lane::Consensus, Waiting::Connected);
        drop(state);
        self.wake.notify_one();
    }

    /// Adds a frame, which holds `room` of its lane's bytes.
    pub(super) fn frame(&self, link: LinkId, lane: Lane, bytes: Bytes, room: Room) {
        self.lock()
            .push(link, lane, Waiting::Frame { bytes, _room: room });
        self.wake.notify_one();
    }

    /// Announces the end of a link.
    pub(super) fn disconnected(&self, link: LinkId, reason: DisconnectReason) {
        self.lock()
            .push(link, Lane::Consensus, Waiting::Disconnected(reason));
        self.wake.notify_one();
    }

    /// Announces that a dial, which holds `slot`, has failed.
    pub(super) fn dial_failed(
        &self,
        address: SocketAddr,
        peer: Option<PeerId>,
        reason: DialFailure,
        slot: OwnedSemaphorePermit,
    ) {
        let event = TransportEvent::DialFailed {
            address,
            peer,
            reason,
        };
        let mut state = self.lock();
        if !state.is_closed {
            state.failures.push_back((event, slot));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Ends the events: what waits is still given out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Drops everything, now and later; for when nobody listens any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        *state = State {
            is_closed: true,
            ..State::default()
        };
    }

    /// Returns how many frames still waited when their link had ended.
    pub(super) fn frames_left(&self) -> u64 {
        self.lock().frames_left
    }

    /// Takes the most urgent event, if there is one.
    pub(super) fn try_next(&self) -> Option<TransportEvent> {
        self.lock().next()
    }

    /// Waits for the most urgent event; `None` once closed and empty. One caller at a time.
    pub(super) async fn next(&self) -> Option<TransportEvent> {
        loop {
            {
                let mut state = self.lock();
                let event = state.next();
                if event.is_some() || state.is_closed {
                    return event;
                }
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, link: LinkId, lane: Lane, item: Waiting) {
        // A link without an entry was abandoned together with its events.
        let Some(entry) = self.links.get_mut(&link) else {
            return;
        };
        if entry.waiting[lane].is_empty() {
            self.turns[lane].push_back(link);
        }
        entry.waiting[lane].push_back(item);
    }

    fn next(&mut self) -> Option<TransportEvent> {
        if let Some((event, _slot)) = self.failures.pop_front() {
            return Some(event);
        }
        Lane::ALL.into_iter().find_map(|lane| self.next_of(lane))
    }

    fn next_of(&mut self, lane: Lane) -> Option<TransportEvent> {
        let link = self.turns[lane].pop_front()?;
        let entry = self.links.get_mut(&link)?;
        let item = entry.waiting[lane].pop_front()?;
        if !entry.waiting[lane].is_empty() {
            self.turns[lane].push_back(link);
        }
        let LinkFacts {
            peer,
            address,
            direction,
            ..
        } = entry.facts;
        Some(match item {
            Waiting::Connected => TransportEvent::Connected {
                peer,
                link,
                address,
                direction,
            },
            Waiting::Frame { bytes, .. } => TransportEvent::Frame {
                peer,
                link,
                lane,
                bytes,
            },
            Waiting::Disconnected(reason) => {
                self.forget(link);
                TransportEvent::Disconnected { peer, link, reason }
            }
        })
    }

    fn forget(&mut self, link: LinkId) {
        if let Some(entry) = self.links.remove(&link) {
            let left = entry.waiting.iter().map(|(_, waiting)| waiting.len());
            self.frames_left += left.sum::<usize>() as u64;
        }
        for lane in Lane::ALL {
            self.turns[lane].retain(|waiting| *waiting != link);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn permit() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1))
            .try_acquire_owned()
            .expect("one is free")
    }

    fn connect(inbox: &Inbox, number: u64) -> LinkId {
        let link = LinkId(number);
        let peer = PeerId([7; 32]);
        let address = ([127, 0, 0, 1], 1).into();
        inbox.connected(
            LinkFacts {
                link,
                peer,
                address,
                direction: Direction::Inbound,
            },
            permit(),
        );
        link
    }

    fn frame(inbox: &Inbox, link: LinkId, lane: Lane, text: &'static str) {
        let pool = Arc::new(super::super::pool::Pool::new(0));
        let room = (permit(), Taken::nothing_of(pool));
        inbox.frame(link, lane, Bytes::from_static(text.as_bytes()), room);
    }

    /// The rest of the events as words.
    fn drain(inbox: &Inbox) -> Vec<String> {
        let word = |event| match event {
            TransportEvent::Connected { link, .. } => format!("up {}", link.0),
            TransportEvent::Disconnected { link, .. } => format!("down {}", link.0),
            TransportEvent::Frame { link, bytes, .. } => {
                format!("{} {}", link.0, String::from_utf8_lossy(&bytes))
            }
            TransportEvent::DialFailed { .. } => "dial failed".to_owned(),
        };
        std::iter::from_fn(|| inbox.try_next()).map(word).collect()
    }

    #[test]
    fn consensus_goes_first_and_links_take_turns() {
        let inbox = Inbox::default();
        let (a, b) = (connect(&inbox, 1), connect(&inbox, 2));
        for text in ["block", "block", "block"] {
            frame(&inbox, a, Lane::Blocks, text);
        }
        frame(&inbox, b, Lane::Blocks, "late block");
        frame(&inbox, b, Lane::Sync, "range");
        frame(&inbox, a, Lane::Consensus, "vote");
        frame(&inbox, a, Lane::Consensus, "vote");
        frame(&inbox, b, Lane::Consensus, "late vote");
        let order = [
            "up 1",
            "up 2",
            "1 vote",
            "2 late vote",
            "1 vote",
            "1 block",
            "2 late block",
            "1 block",
            "1 block",
            "2 range",
        ];
        assert_eq!(drain(&inbox), order);
    }

    #[test]
    fn the_last_words_are_heard_and_nothing_comes_after_the_end() {
        let inbox = Inbox::default();
        let link = connect(&inbox, 1);
        frame(&inbox, link, Lane::Blocks, "block");
        frame(&inbox, link, Lane::Consensus, "farewell");
        inbox.disconnected(link, DisconnectReason::TimedOut);
        frame(&inbox, link, Lane::Consensus, "ghost");
        assert_eq!(drain(&inbox), ["up 1", "1 farewell", "down 1"]);
        assert_eq!(inbox.frames_left(), 2, "the block and the ghost");
        assert!(inbox.lock().turns.iter().all(|(_, turn)| turn.is_empty()));
    }

    #[tokio::test]
    async fn ends_when_closed_and_empty() {
        let inbox = Inbox::default();
        connect(&inbox, 1);
        inbox.close();
        assert!(inbox.next().await.is_some());
        assert_eq!(inbox.next().await, None);
    }

    #[test]
    fn frees_the_slot_when_the_end_is_taken() {
        let slots = Arc::new(Semaphore::new(1));
        let inbox = Inbox::default();
        let facts = LinkFacts {
            link: LinkId(1),
            peer: PeerId([7; 32]),
            address: ([127, 0, 0, 1], 1).into(),
            direction: Direction::Outbound,
        };
        inbox.connected(facts, slots.clone().try_acquire_owned().expect("free"));
        inbox.disconnected(LinkId(1), DisconnectReason::Reset);
        assert_eq!(slots.available_permits(), 0);
        drain(&inbox);
        assert_eq!(slots.available_permits(), 1);
    }
}
