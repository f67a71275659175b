//! Links come, break and are cut, and both ends learn of it as from the transport.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use starling_gossip::link::{DialFailure, Direction, DisconnectReason};
use starling_gossip::{Instant, Lane, LinkId, PeerId};

use super::World;
use crate::simulator::network::End;
use crate::simulator::node::{address, at_address, peer_id};
use crate::simulator::queue::{News, NodeId};

/// How long a link lives without hearing anything. The transport's default.
const IDLE_MS: u64 = 15_000;
/// How long a dial waits for an answer. The transport's default.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// How a request for the body of a block begins on the blocks lane.
const WANT_BLOCK: [u8; 4] = [1, 0, 0, 0];

impl World {
    /// A dial arrives: it becomes a link, or fails as the transport would have it fail.
    pub(super) fn dialed(&mut self, from: NodeId, to: SocketAddr, peer: Option<PeerId>) {
        let alive = |node: NodeId| {
            self.nodes[node.index].id == node && self.nodes[node.index].life.is_some()
        };
        if !alive(from) {
            return;
        }
        let target = at_address(to)
            .and_then(|index| self.nodes.get(index))
            .map(|node| node.id);
        let reached = target.filter(|target| {
            alive(*target)
                && self.network.reaches(from.index, target.index)
                && self.network.reaches(target.index, from.index)
        });
        let Some(target) = reached else {
            let at = self.now + DIAL_TIMEOUT;
            return self.dial_failed(at, from, (to, peer), DialFailure::TimedOut);
        };
        let back = self.now + self.network.delay();
        let found = peer_id(target.index);
        if target.index == from.index {
            return self.dial_failed(back, from, (to, peer), DialFailure::SelfDial);
        }
        if let Some(expected) = peer.filter(|expected| *expected != found) {
            let reason = DialFailure::WrongKey { expected, found };
            return self.dial_failed(back, from, (to, peer), reason);
        }
        let (dialer, acceptor) = self.network.connect(self.now, from, target);
        let connected = |link, other: NodeId, direction| {
            News::Link(starling_gossip::Input::Connected {
                peer: peer_id(other.index),
                link,
                address: address(other.index),
                direction,
            })
        };
        let up_at = self.network.end(dialer).map_or(self.now, |end| end.up_at);
        self.tell(
            self.now,
            target,
            connected(acceptor, from, Direction::Inbound),
        );
        self.tell(up_at, from, connected(dialer, target, Direction::Outbound));
    }

    fn dial_failed(
        &mut self,
        at: Instant,
        from: NodeId,
        (address, peer): (SocketAddr, Option<PeerId>),
        reason: DialFailure,
    ) {
        let input = starling_gossip::Input::DialFailed {
            address,
            peer,
            reason,
        };
        self.tell(at, from, News::Link(input));
    }

    /// Puts a frame on the way.
    pub(super) fn send_frame(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        let Some(end) = self.network.end(link).copied() else {
            return;
        };
        if lane == Lane::Blocks && bytes.starts_with(&WANT_BLOCK) {
            self.report.bodies_asked += 1;
        }
        match self.network.send(self.now, link, lane, bytes.len()) {
            Some(arrivals) => {
                for at in arrivals {
                    self.tell(at, end.peer, News::Frame(end.other, lane, bytes.clone()));
                }
            }
            None => self.time_out(link),
        }
    }

    /// A node ends a link.
    pub(super) fn disconnect(&mut self, id: NodeId, link: LinkId, reason: &str) {
        self.trace.note(
            (self.now, id.index),
            "disconnect",
            link.0,
            reason.as_bytes(),
        );
        let Some([(mine, end), (other, other_end)]) = self.network.take(link) else {
            return;
        };
        let text = reason.to_owned();
        let at = self.now + Duration::from_micros(10);
        self.disconnected(
            at,
            (mine, end),
            DisconnectReason::Local { text: text.clone() },
        );
        let at = self.now + self.network.delay();
        if self.network.reaches(end.me.index, end.peer.index) {
            self.disconnected(at, (other, other_end), DisconnectReason::Remote { text });
        } else {
            let at = self.now + Duration::from_millis(IDLE_MS);
            self.disconnected(at, (other, other_end), DisconnectReason::TimedOut);
        }
    }

    /// A random link breaks.
    pub(super) fn break_link(&mut self) {
        let links = self.network.links();
        if let Some(link) = links.get(self.machines.position(links.len())) {
            self.time_out(*link);
        }
    }

    /// Both ends of a link find out, each in its own time, that nothing comes any more.
    fn time_out(&mut self, link: LinkId) {
        let Some(ends) = self.network.take(link) else {
            return;
        };
        for end in ends {
            let at = self.now + self.machines.millis(1, IDLE_MS);
            self.disconnected(at, end, DisconnectReason::TimedOut);
        }
    }

    /// A node has lost power: its neighbours find out when it is back and knows them no more, or
    /// when nothing comes any more.
    pub(super) fn drop_links_of(&mut self, index: usize) {
        for link in self.network.links_of(index) {
            let Some([_, other]) = self.network.take(link) else {
                continue;
            };
            if self.machines.percent(70) {
                let at = self.now + self.machines.millis(1, 2_000);
                self.disconnected(at, other, DisconnectReason::Reset);
            } else {
                let at = self.now + Duration::from_millis(IDLE_MS);
                self.disconnected(at, other, DisconnectReason::TimedOut);
            }
        }
    }

    /// Cuts the network: links across the cut time out where it lasts long enough.
    pub(super) fn cut(
        &mut self,
        number: u64,
        side: Vec<bool>,
        stops: (bool, bool),
        lasts: Duration,
    ) {
        for link in self.network.cut(number, side, stops) {
            if lasts >= Duration::from_millis(IDLE_MS) || self.machines.percent(20) {
                self.time_out(link);
            }
        }
    }

    fn disconnected(&mut self, at: Instant, (link, end): (LinkId, End), reason: DisconnectReason) {
        // Never before the end has heard of the link.
        let at = at.max(end.up_at);
        let input = starling_gossip::Input::Disconnected { link, reason };
        self.tell(at, end.me, News::Link(input));
    }
}
