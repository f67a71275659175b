//! Hellos: who may stay, and which of two links to one peer.

use starling_ledger::vote::Height;

use super::failure::{Failure, told_other_network};
use super::session::{QUIET_AFTER, Stage};
use super::{AddressSource, Overlay};
use crate::action::{LinkChange, Outbox};
use crate::fault::PeerFault;
use crate::lane::Lane;
use crate::link::{Direction, LinkId};
use crate::message::{ConsensusFrame, Hello};
use crate::peer_id::PeerId;
use crate::time::Instant;

/// What becomes of a link whose peer is up on another.
enum Rival {
    /// The new link takes over.
    NewStays,
    /// The old link stays, the new one ends.
    OldStays,
    /// The peer dialed both and ends one; until then the new one waits.
    PeerChooses,
}

impl Overlay {
    /// The first frame of the consensus lane has to be a hello.
    pub(super) fn on_first_frame(
        &mut self,
        now: Instant,
        link: LinkId,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        match ConsensusFrame::decode(bytes) {
            Ok(Some(ConsensusFrame::Hello(hello))) => self.on_hello(now, link, hello, out),
            Ok(_) => self.penalize(now, link, &PeerFault::NoHelloFirst, out),
            Err(error) => {
                let reason = error.to_string();
                let fault = PeerFault::MalformedFrame {
                    lane: Lane::Consensus,
                    reason,
                };
                self.penalize(now, link, &fault, out);
            }
        }
    }

    fn on_hello(&mut self, now: Instant, link: LinkId, hello: Hello, out: &mut Outbox) {
        if let Some((words, failure)) = self.refusal(&hello) {
            self.end_as(now, link, (&words, failure), out);
            return;
        }
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        let (peer, direction, height) = (session.peer, session.direction, hello.height);
        let instance = hello.instance;
        session.hello = Some(hello);
        let listen = session.listen_addresses();
        for address in listen {
            self.book.learn(address, peer, AddressSource::Itself, now);
        }
        let Some(old) = self.link_of(peer) else {
            self.come_up(now, link, height, out);
            return;
        };
        match self.judge_rival(now, (peer, direction, instance), old) {
            Rival::NewStays => {
                // The place is taken first, so that no link that stands by gets it.
                self.up.insert(peer, link);
                self.end(now, old, "another link to you took over", out);
                self.come_up(now, link, height, out);
            }
            Rival::OldStays => self.end(now, link, "there is a link to you already", out),
            Rival::PeerChooses => {
                if let Some(session) = self.sessions.get_mut(&link) {
                    session.stage = Stage::Standby;
                    session.since = now;
                }
            }
        }
    }

    /// Says why this hello ends the link, if it does: to its peer, and to us.
    fn refusal(&self, hello: &Hello) -> Option<(String, Failure)> {
        let own = &self.hello;
        if hello.genesis != own.genesis {
            let words = told_other_network(hello, own);
            return Some((words, Failure::other_network(hello, own)));
        }
        if !hello.shares_version(own) {
            let (from, to) = (hello.version_from, hello.version_to);
            let words = format!(
                "you speak wire versions {from} to {to}, this node {} to {}",
                own.version_from, own.version_to
            );
            return Some((words.clone(), Failure::Ended(words)));
        }
        None
    }

    fn judge_rival(
        &self,
        now: Instant,
        (peer, new, instance): (PeerId, Direction, u64),
        old: LinkId,
    ) -> Rival {
        let old = self.sessions.get(&old);
        if old.is_some_and(|old| now.since(old.heard) >= QUIET_AFTER) {
            // Its peer has noticed first that it is dead.
            return Rival::NewStays;
        }
        let old_instance = old
            .and_then(|old| old.hello.as_ref())
            .map(|hello| hello.instance);
        if old_instance != Some(instance) {
            // The peer was restarted: the old link is dead, whatever the transport believes.
            return Rival::NewStays;
        }
        let old = old.map_or(new, |old| old.direction);
        let lower_dialed = |direction| (direction == Direction::Outbound) == (self.me < peer);
        match (old == new, new) {
            (true, Direction::Outbound) => Rival::OldStays,
            (true, Direction::Inbound) => Rival::PeerChooses,
            (false, new) if lower_dialed(new) => Rival::NewStays,
            (false, _) => Rival::OldStays,
        }
    }

    fn come_up(&mut self, now: Instant, link: LinkId, height: Height, out: &mut Outbox) {
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        session.stage = Stage::Up;
        // How far the peer is, is worth knowing from the beginning.
        session.next_ping = now;
        let peer = session.peer;
        if session.direction == Direction::Outbound {
            self.book.succeeded(session.address);
        }
        self.up.insert(peer, link);
        out.changes.push_back(LinkChange::Up { peer, link, height });
        self.ask_addresses(link, out);
        self.next_dials = now;
    }

    /// Lets a link that stood by take the place of one that ended.
    pub(super) fn promote_standby(&mut self, now: Instant, peer: PeerId, out: &mut Outbox) {
        let waiting = self
            .sessions
            .iter()
            .find(|(_, session)| session.peer == peer && session.stage == Stage::Standby);
        if let Some((link, session)) = waiting {
            let height = session.hello.as_ref().map_or(0, |hello| hello.height);
            self.come_up(now, *link, height, out);
        }
    }
}
