//! The network between the nodes: links as the transport would give them, and what can go wrong.
//!
//! While faults are on, frames are lost (as a full queue loses them), come twice, or overtake each
//! other; cuts stop everything between two sides, in both directions or one. Without faults each
//! lane of a link is in order and complete, as a QUIC stream is.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_gossip::lane::PerLane;
use starling_gossip::{Instant, Lane, LinkId};

use super::chance::Chance;
use super::config::Config;
use super::queue::NodeId;

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Whose end it is.
    pub me: NodeId,
    /// Who is at the other.
    pub peer: NodeId,
    /// The name of the link at the other end.
    pub other: LinkId,
    /// When this end learns of the link.
    pub up_at: Instant,
    /// When the last frame of each lane arrives at the other end, and the first.
    arrivals: PerLane<Instant>,
    first_arrivals: PerLane<Instant>,
    /// Lanes that have carried a frame.
    used: PerLane<bool>,
}

/// A cut between two sides.
#[derive(Clone, Debug)]
struct Cut {
    number: u64,
    /// Which nodes are on the one side.
    side: Vec<bool>,
    /// Whether frames to the one side, and from it, are lost.
    stops: (bool, bool),
}

/// All links.
pub struct Network {
    ends: BTreeMap<LinkId, End>,
    next_link: u64,
    cuts: Vec<Cut>,
    chance: Chance,
    loss_percent: u64,
    duplicate_percent: u64,
    reorder: bool,
    delay_us: (u64, u64),
}

impl Network {
    /// Makes a network without links.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let (low, high) = config.delay_ms;
        Self {
            ends: BTreeMap::new(),
            next_link: 0,
            cuts: Vec::new(),
            chance: Chance::new(config.seed, "network"),
            loss_percent: config.loss_percent.into(),
            duplicate_percent: config.duplicate_percent.into(),
            reorder: config.reorder,
            delay_us: (low * 1_000, high * 1_000),
        }
    }

    /// Ends all faults.
    pub fn calm(&mut self) {
        self.cuts.clear();
        (self.loss_percent, self.duplicate_percent, self.reorder) = (0, 0, false);
    }

    /// Draws how long something takes from one node to another.
    pub fn delay(&mut self) -> Duration {
        let (low, high) = self.delay_us;
        self.chance.micros(low, high)
    }

    /// Says whether anything gets from one node to another.
    #[must_use]
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.cuts.iter().all(|cut| {
            let side = |node: usize| cut.side.get(node).copied().unwrap_or_default();
            let (inwards, outwards) = cut.stops;
            match (side(from), side(to)) {
                (false, true) => !inwards,
                (true, false) => !outwards,
                _ => true,
            }
        })
    }

    /// Cuts the network; returns the links that cross the cut.
    pub fn cut(&mut self, number: u64, side: Vec<bool>, stops: (bool, bool)) -> Vec<LinkId> {
        self.cuts.push(Cut {
            number,
            side,
            stops,
        });
        let crossing = self.ends.iter().filter(|(_, end)| {
            !(self.reaches(end.me.index, end.peer.index)
                && self.reaches(end.peer.index, end.me.index))
        });
        crossing.map(|(link, _)| *link).collect()
    }

    /// Ends a cut.
    pub fn heal(&mut self, number: u64) {
        self.cuts.retain(|cut| cut.number != number);
    }

    /// Makes a link; returns the names at the dialer's and the acceptor's end.
    pub fn connect(&mut self, now: Instant, dialer: NodeId, acceptor: NodeId) -> (LinkId, LinkId) {
        let names = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.next_link += 2;
        let dialer_up = now + self.delay();
        let end = |me, peer, other, up_at, arrives| End {
            me,
            peer,
            other,
            up_at,
            arrivals: PerLane::from_fn(|_| arrives),
            first_arrivals: PerLane::from_fn(|_| arrives),
            used: PerLane::default(),
        };
        self.ends
            .insert(names.0, end(dialer, acceptor, names.1, dialer_up, now));
        self.ends
            .insert(names.1, end(acceptor, dialer, names.0, now, dialer_up));
        names
    }

    /// Returns one end of a link that still carries frames.
    #[must_use]
    pub fn end(&self, link: LinkId) -> Option<&End> {
        self.ends.get(&link)
    }

    /// Takes a link away; returns both ends with their names.
    pub fn take(&mut self, link: LinkId) -> Option<[(LinkId, End); 2]> {
        let mine = self.ends.remove(&link)?;
        let other = self.ends.remove(&mine.other).expect("a link has two ends");
        Some([(link, mine), (mine.other, other)])
    }

    /// Returns the ends that a node has.
    #[must_use]
    pub fn links_of(&self, node: usize) -> Vec<LinkId> {
        let own = self.ends.iter().filter(|(_, end)| end.me.index == node);
        own.map(|(link, _)| *link).collect()
    }

    /// Returns all links, each by one of its names.
    #[must_use]
    pub fn links(&self) -> Vec<LinkId> {
        let one = self.ends.iter().filter(|(link, end)| **link < end.other);
        one.map(|(link, _)| *link).collect()
    }

    /// Sends a frame; returns when it arrives, not at all to twice; `None` if the link cannot live
    /// on.
    ///
    /// The first frame of a lane meets an empty queue, so nothing but a cut stops it, and then the
    /// link never came into being.
    pub fn send(
        &mut self,
        now: Instant,
        link: LinkId,
        lane: Lane,
        size: usize,
    ) -> Option<Vec<Instant>> {
        let Some(end) = self.ends.get(&link) else {
            return Some(Vec::new());
        };
        let first = !end.used[lane];
        if !self.reaches(end.me.index, end.peer.index) {
            return (!first).then(Vec::new);
        }
        if !first && self.chance.percent(self.loss_percent) {
            return Some(Vec::new());
        }
        let arrives = now + self.delay() + transfer(size);
        let (reorder, twice) = (
            self.reorder && !first,
            !first && self.chance.percent(self.duplicate_percent),
        );
        let again = twice.then(|| arrives + self.delay());
        let end = self.ends.get_mut(&link).expect("it was there above");
        end.used[lane] = true;
        let last = end.arrivals[lane];
        let earliest = if reorder {
            end.first_arrivals[lane]
        } else {
            last
        };
        let arrives = arrives.max(earliest);
        end.arrivals[lane] = arrives.max(last);
        if first {
            end.first_arrivals[lane] = arrives;
        }
        Some(
            [Some(arrives), again.map(|again| again.max(arrives))]
                .into_iter()
                .flatten()
                .collect(),
        )
    }
}

/// How long the bytes of a frame take at 100 Mbit/s: 80 ns each.
fn transfer(size: usize) -> Duration {
    Duration::from_nanos(u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(80))
}
