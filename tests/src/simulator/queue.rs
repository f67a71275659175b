//! The queue of events: virtual time, and within a moment the order in which they were put in.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use starling_gossip::{Instant, Lane, LinkId, PeerId};
use starling_ledger::vote::Height;
use starling_node::core::WorkId;
use starling_node::work::WorkResult;

/// Something that happens.
pub enum Event {
    /// To one life of a node; nothing if that life is over.
    Node(NodeId, News),
    /// A dial arrives where it was sent.
    Dial {
        /// Who dials.
        from: NodeId,
        /// Where to.
        address: SocketAddr,
        /// Who has to answer.
        peer: Option<PeerId>,
    },
    /// Clients act.
    Load,
    /// Something may break.
    Fault,
    /// The script of a way goes on.
    Script,
    /// A cut is over.
    Heal(u64),
    /// A node loses power, for a while.
    Crash(usize, Duration),
    /// A node gets power again.
    Restart(usize),
}

/// One life of a node, from a start to a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId {
    /// Which node.
    pub index: usize,
    /// Which of its lives.
    pub life: u32,
}

/// What a node's shell learns.
pub enum News {
    /// A deadline may have passed.
    Wake,
    /// Of links, but for frames.
    Link(starling_gossip::Input),
    /// A frame came.
    Frame(LinkId, Lane, Bytes),
    /// Work is done.
    Worked(WorkId, WorkResult),
    /// The disk is done with the oldest commit.
    Committed,
    /// The disk is done with the oldest write to the log.
    Logged,
    /// The disk has synced what was submitted.
    Kept,
    /// The disk is ready to read blocks for a neighbour.
    Read {
        /// Who asked.
        peer: PeerId,
        /// From which height.
        from: Height,
        /// How many.
        count: u32,
    },
    /// The disk is ready to read one of our own blocks.
    ReadOwn(Height),
}

/// Events to come.
#[derive(Default)]
pub struct Queue {
    events: BinaryHeap<Scheduled>,
    next: u64,
}

/// An event with its place in time; the earliest is the greatest, as the heap wants it.
struct Scheduled {
    place: Reverse<(Instant, u64)>,
    event: Event,
}

impl Queue {
    /// Puts in an event.
    pub fn push(&mut self, at: Instant, event: Event) {
        self.events.push(Scheduled {
            place: Reverse((at, self.next)),
            event,
        });
        self.next += 1;
    }

    /// Takes out the next event with its time.
    pub fn pop(&mut self) -> Option<(Instant, Event)> {
        let Scheduled {
            place: Reverse((at, _)),
            event,
        } = self.events.pop()?;
        Some((at, event))
    }

    /// Returns how many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Says whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Scheduled {}
