//! The overlay: whom this node is linked to.
//!
//! A node dials up to eight peers and takes up to 32 in, so that a small network becomes a full
//! mesh and a large one a random graph. It learns addresses from the hellos of its peers and by
//! asking them; so the node that it began with may die.
//!
//! # Invariants
//! - At most one link per peer is up. Of two dialed by different sides, the one that the lower id
//!   dialed stays; of two by one side, that side ends the later. Both ends choose the same.
//! - A link is up only after the peer's hello, of our network and a version we share.
//! - Each dial ends in a link that is up, or in one reason that the address book keeps.
//!
//! # Source
//! gossip.md, section 2. # Deviations: addresses are taught unsigned, eviction of inbound links and
//! links of a purpose of their own are left out.

pub mod address_book;
pub mod bans;
mod exchange;
pub mod failure;
mod handshake;
pub mod session;
pub mod status;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use starling_ledger::vote::Height;

pub use address_book::{AddressBook, AddressSource, AddressStatus};
pub use bans::{Ban, Bans};
pub use failure::Failure;
pub use status::{FailedPeer, PeerStatus};

use crate::action::{Action, LinkChange, Outbox};
use crate::config::{GossipConfig, MAX_INBOUND, MAX_OUTBOUND, OUTBOUND_TARGET};
use crate::counters::Counters;
use crate::drops::Dropped;
use crate::fault::{Consequence, PeerFault};
use crate::input::ConfiguredPeer;
use crate::lane::Lane;
use crate::link::{DialFailure, Direction, DisconnectReason, LinkId};
use crate::message::{ConsensusFrame, Hello, WIRE_VERSION};
use crate::peer_id::PeerId;
use crate::random::{Purpose, Random};
use crate::round_trip::RoundTrip;
use crate::time::Instant;

use session::{PING_EVERY, QUIET_AFTER, Session, Stage};

/// How long to wait before looking for dials again when slots are free and nothing is due.
const IDLE_DIAL_CHECK: Duration = Duration::from_secs(5);
/// Most names of peers whose failure is kept. Our choice: far more than a person names.
const MAX_LOST_NAMES: usize = 256;

/// Whom this node is linked to.
#[derive(Debug)]
pub struct Overlay {
    me: PeerId,
    hello: Hello,
    sessions: BTreeMap<LinkId, Session>,
    up: BTreeMap<PeerId, LinkId>,
    book: AddressBook,
    /// The last peer of another network that dialed us.
    stranger: Option<(Instant, SocketAddr, Failure)>,
    /// Names of peers that are not found, since when, and why.
    lost_names: BTreeMap<String, (Instant, String)>,
    bans: Bans,
    pings: Random,
    dials: Random,
    asks: Random,
    teaching: Random,
    next_dials: Instant,
    next_ask: Instant,
    counters: Counters,
}

impl Overlay {
    /// Makes an overlay without links.
    pub fn new(config: &GossipConfig) -> Self {
        let mut book = AddressBook::new(config.me);
        for known in &config.known {
            if let Some(peer) = known.peer {
                book.learn(
                    known.address,
                    peer,
                    AddressSource::Remembered,
                    Instant::START,
                );
            }
        }
        for peer in &config.peers {
            book.configure(*peer, Instant::START);
        }
        let hello = Hello {
            version_from: WIRE_VERSION,
            version_to: WIRE_VERSION,
            features: 0,
            genesis: config.genesis,
            network: config.network.clone(),
            height: config.head.0,
            listen: config.listen.clone(),
            salt: config.seed.random(Purpose::Salt).number(),
            instance: config.seed.random(Purpose::Instance).number(),
        };
        Self {
            me: config.me,
            hello,
            sessions: BTreeMap::new(),
            up: BTreeMap::new(),
            book,
            stranger: None,
            lost_names: BTreeMap::new(),
            bans: Bans::default(),
            pings: config.seed.random(Purpose::Pings),
            dials: config.seed.random(Purpose::Dials),
            asks: config.seed.random(Purpose::Asks),
            teaching: config.seed.random(Purpose::Teaching),
            next_dials: Instant::START,
            next_ask: Instant::START,
            counters: Counters::default(),
        }
    }

    /// Takes a new link: our hello goes out at once.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        (link, peer): (LinkId, PeerId),
        (address, direction): (SocketAddr, Direction),
        out: &mut Outbox,
    ) {
        if direction == Direction::Outbound {
            self.book.linked(address, peer);
        }
        let session = Session::new(peer, address, direction, now);
        self.sessions.insert(link, session);
        let inbound = |session: &&Session| session.direction == Direction::Inbound;
        let inbound = self.sessions.values().filter(inbound).count();
        if let Some(ban) = self.bans.find(peer, now) {
            let reason = format!("you are not welcome at the moment: {}", ban.reason);
            self.end(now, link, &reason, out);
        } else if peer == self.me {
            self.end(now, link, "this is you", out);
        } else if direction == Direction::Inbound && inbound > MAX_INBOUND {
            self.end(now, link, "no free slot", out);
        } else {
            let hello = ConsensusFrame::Hello(self.hello.clone()).encode();
            out.send(link, Lane::Consensus, hello);
        }
    }

    /// Notes that a link is gone.
    pub(crate) fn disconnected(
        &mut self,
        now: Instant,
        link: LinkId,
        reason: &DisconnectReason,
        out: &mut Outbox,
    ) {
        if let Some(session) = self.sessions.get(&link) {
            let peer = session.peer;
            self.drop_session(now, link, Failure::of_end(reason), out);
            if let DisconnectReason::Fault { fault } = reason {
                self.note_fault(now, peer, &PeerFault::from(fault.clone()));
            }
        }
    }

    /// Notes that a dial failed.
    pub(crate) fn dial_failed(&mut self, now: Instant, at: SocketAddr, reason: &DialFailure) {
        self.counters.dials_failed += 1;
        if *reason == DialFailure::SelfDial {
            self.book.forget(at);
        } else {
            let failure = Failure::Dial(reason.clone());
            self.book.failed(at, failure, now, &mut self.dials);
        }
        self.next_dials = now;
    }

    /// Takes a frame; returns it if it is for the other parts of the machine.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        (link, lane, bytes): (LinkId, Lane, Bytes),
        out: &mut Outbox,
    ) -> Option<Bytes> {
        let Some(session) = self.sessions.get_mut(&link) else {
            self.counters.drops.count(Dropped::FrameLinkEnded);
            return None;
        };
        session.bytes_in += bytes.len() as u64;
        session.heard = now;
        match session.stage {
            Stage::Up => Some(bytes),
            Stage::AwaitsHello if lane == Lane::Consensus => {
                self.on_first_frame(now, link, &bytes, out);
                None
            }
            Stage::AwaitsHello | Stage::Standby => {
                if !session.keep_early(lane, bytes) {
                    self.counters.drops.count(Dropped::FrameBeforeHello);
                }
                None
            }
        }
    }

    /// Takes the answer to a ping.
    pub(crate) fn pong(&mut self, now: Instant, link: LinkId, nonce: u64) {
        if let Some(session) = self.sessions.get_mut(&link) {
            session.pong(nonce, now);
        }
    }

    /// Returns how long the last ping took, once: for the time that follows its answer.
    pub(crate) fn take_ping(&mut self, link: LinkId) -> Option<Duration> {
        self.sessions.get_mut(&link)?.last_ping.take()
    }

    /// Takes the frames that came before the link was up.
    pub(crate) fn take_early(&mut self, link: LinkId) -> Vec<(Lane, Bytes)> {
        let session = self.sessions.get_mut(&link);
        session
            .map(|session| std::mem::take(&mut session.early))
            .unwrap_or_default()
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outbox) {
        let due = |session: &Session| session.deadline() <= now;
        let due: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| due(session))
            .map(|(id, _)| *id)
            .collect();
        for link in due {
            self.session_due(now, link, out);
        }
        self.exchange(now, out);
        if self.next_dials <= now {
            self.dial(now, out);
        }
    }

    fn session_due(&mut self, now: Instant, link: LinkId, out: &mut Outbox) {
        let nonce = self.pings.number();
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        match (session.stage, session.ping) {
            (Stage::AwaitsHello, _) => self.penalize(now, link, &PeerFault::HelloTimeout, out),
            (Stage::Standby, _) => self.end(now, link, "a second link", out),
            (Stage::Up, Some(_)) => self.penalize(now, link, &PeerFault::PingTimeout, out),
            (Stage::Up, None) => {
                session.ping = Some((nonce, now));
                session.next_ping = now + PING_EVERY;
                out.send(link, Lane::Consensus, ConsensusFrame::Ping(nonce).encode());
            }
        }
    }

    /// Dials as long as slots are free and addresses are due.
    fn dial(&mut self, now: Instant, out: &mut Outbox) {
        self.counters.dials_failed += self.book.expire_dials(now, &mut self.dials) as u64;
        let target = OUTBOUND_TARGET
            .max(self.book.configured_count())
            .min(MAX_OUTBOUND);
        let outbound = |session: &&Session| session.direction == Direction::Outbound;
        let mut dialing: BTreeMap<_, _> = self.book.dialing().collect();
        let mut busy = self.sessions.values().filter(outbound).count() + dialing.len();
        for (address, peer) in self.book.due(now, &mut self.dials) {
            if busy >= target {
                break;
            }
            let is_dialed = peer.is_some() && dialing.values().any(|dialed| *dialed == peer);
            if !is_dialed && peer.is_none_or(|peer| self.may_dial(now, peer)) {
                self.book.dial(address, now);
                dialing.insert(address, peer);
                self.counters.dials += 1;
                busy += 1;
                out.push(Action::Dial {
                    address,
                    peer: self.book.expected(address),
                });
            }
        }
        let next = self.book.next_due(now).unwrap_or(Instant(u64::MAX));
        self.next_dials = next.min(now + IDLE_DIAL_CHECK);
    }

    fn may_dial(&self, now: Instant, peer: PeerId) -> bool {
        let linked = self.sessions.values().any(|session| session.peer == peer);
        peer != self.me && !linked && self.bans.find(peer, now).is_none()
    }

    /// Lets a peer bear the consequence of its fault.
    pub(crate) fn penalize(
        &mut self,
        at: Instant,
        link: LinkId,
        why: &PeerFault,
        out: &mut Outbox,
    ) {
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        let peer = session.peer;
        let is_over = match why.consequence() {
            Consequence::Disconnect(_) => true,
            Consequence::Count(points) => session.points.add(at.0 / 1_000_000, points),
        };
        self.note_fault(at, peer, why);
        if is_over {
            self.end(at, link, &why.to_string(), out);
        }
    }

    fn note_fault(&mut self, now: Instant, peer: PeerId, fault: &PeerFault) {
        self.counters.faults += 1;
        match fault.consequence() {
            Consequence::Disconnect(Duration::ZERO) | Consequence::Count(_) => {}
            Consequence::Disconnect(ban) => {
                self.bans.insert(peer, now, Some(ban), fault.to_string());
            }
        }
    }

    /// Ends a link from our side.
    fn end(&mut self, now: Instant, link: LinkId, reason: &str, out: &mut Outbox) {
        let failure = Failure::Ended(reason.to_owned());
        self.end_as(now, link, (reason, failure), out);
    }

    /// Ends a link from our side: its peer is told the reason in other words than we keep it in.
    fn end_as(
        &mut self,
        now: Instant,
        link: LinkId,
        (reason, failure): (&str, Failure),
        out: &mut Outbox,
    ) {
        if self.sessions.contains_key(&link) {
            out.push(Action::Disconnect {
                link,
                reason: reason.to_owned(),
            });
            self.drop_session(now, link, failure, out);
        }
    }

    /// Forgets a link, and lets a second one to the same peer take its place.
    fn drop_session(&mut self, now: Instant, link: LinkId, why: Failure, out: &mut Outbox) {
        let Some(session) = self.sessions.remove(&link) else {
            return;
        };
        let peer = session.peer;
        if why.is_other_network() && session.direction == Direction::Inbound {
            self.stranger = Some((now, session.address, why.clone()));
        }
        if session.direction == Direction::Outbound {
            match session.stage {
                Stage::AwaitsHello if !self.up.contains_key(&peer) => {
                    self.counters.dials_failed += 1;
                    self.book.failed(session.address, why, now, &mut self.dials);
                }
                _ => {
                    let lived = now.since(session.since);
                    self.book.lost(session.address, lived, now, &mut self.dials);
                }
            }
        }
        self.next_dials = now;
        if session.stage == Stage::Up {
            out.changes.push_back(LinkChange::Down { peer, link });
        }
        // Another link may have taken the place already.
        if self.link_of(peer) == Some(link) {
            self.up.remove(&peer);
            self.promote_standby(now, peer, out);
        }
    }

    /// Returns when something has to be done if nothing comes.
    pub fn next_deadline(&self) -> Option<Instant> {
        let sessions = self.sessions.values().map(Session::deadline).min();
        let own = self.next_dials.min(self.next_ask);
        Some(sessions.map_or(own, |at| at.min(own)))
    }

    /// Notes our own height, for hellos to come.
    pub(crate) const fn set_height(&mut self, height: Height) {
        self.hello.height = height;
    }

    /// Adds a peer that a person named.
    pub(crate) fn add_peer(&mut self, now: Instant, peer: ConfiguredPeer) {
        self.book.configure(peer, now);
        self.next_dials = now;
    }

    /// Takes an address for one like others that a person named before.
    pub(crate) fn forget_peer(&mut self, address: SocketAddr) {
        self.book.release(address);
    }

    /// Notes how the last look-up of a peer's name ended.
    pub(crate) fn name_looked_up(&mut self, now: Instant, name: String, failure: Option<String>) {
        match failure {
            None => drop(self.lost_names.remove(&name)),
            Some(reason) => {
                let has_room = self.lost_names.len() < MAX_LOST_NAMES;
                if has_room || self.lost_names.contains_key(&name) {
                    self.lost_names.insert(name, (now, reason));
                }
            }
        }
    }

    /// Bans a peer, and ends its links.
    pub(crate) fn ban(
        &mut self,
        now: Instant,
        peer: PeerId,
        duration: Option<Duration>,
        out: &mut Outbox,
    ) {
        self.bans
            .insert(peer, now, duration, "banned by the operator".to_owned());
        let of_peer = |(_, session): &(&LinkId, &Session)| session.peer == peer;
        let links: Vec<_> = self
            .sessions
            .iter()
            .filter(of_peer)
            .map(|(link, _)| *link)
            .collect();
        for link in links {
            self.end(now, link, "banned by the operator", out);
        }
    }

    /// Lifts a ban.
    pub(crate) fn unban(&mut self, now: Instant, peer: PeerId) {
        self.bans.remove(peer);
        self.next_dials = now;
    }

    /// Returns the link on which a peer is up.
    pub fn link_of(&self, peer: PeerId) -> Option<LinkId> {
        self.up.get(&peer).copied()
    }

    /// Returns the peer of a link that is up.
    pub fn peer_of(&self, link: LinkId) -> Option<PeerId> {
        let session = self.sessions.get(&link)?;
        (session.stage == Stage::Up).then_some(session.peer)
    }

    /// Returns how many peers are up and were heard of late: a cable may be out.
    pub fn answering(&self, now: Instant) -> usize {
        let sessions = self.up.values().filter_map(|link| self.sessions.get(link));
        let heard = sessions.filter(|session| now.since(session.heard) < QUIET_AFTER);
        heard.count()
    }

    /// Visits the links that are up, by peer.
    pub fn links(&self) -> impl Iterator<Item = LinkId> {
        self.up.values().copied()
    }

    pub(crate) fn session_mut(&mut self, link: LinkId) -> Option<&mut Session> {
        self.sessions.get_mut(&link)
    }

    /// Returns addresses with their peers, for the node to keep across restarts.
    pub fn known_addresses(&self) -> Vec<ConfiguredPeer> {
        self.book.known()
    }

    /// Lists all addresses and how the last dial went.
    pub fn addresses(&self) -> Vec<AddressStatus> {
        let mut all = self.book.status();
        let is_up = |peer: PeerId| self.up.contains_key(&peer);
        for status in all
            .iter_mut()
            .filter(|status| status.peer.is_some_and(is_up))
        {
            status.failure = None;
        }
        all
    }

    /// Lists what was tried and led to nothing: addresses that were dialed, names that are not
    /// found, and the last peer of another network that dialed us.
    pub fn failed(&self) -> Vec<FailedPeer> {
        let addresses = self.addresses().into_iter().filter_map(|status| {
            let (at, failure) = status.failure?;
            Some(FailedPeer {
                target: status.address.to_string(),
                peer: status.peer,
                failures: status.failures,
                at,
                failure,
            })
        });
        let other = |target: String, at, failure| FailedPeer {
            target,
            peer: None,
            failures: 1,
            at,
            failure,
        };
        let names = self.lost_names.iter().map(|(name, (at, reason))| {
            other(name.clone(), *at, Failure::NoSuchName(reason.clone()))
        });
        let stranger = self
            .stranger
            .iter()
            .map(|(at, address, failure)| other(format!("from {address}"), *at, failure.clone()));
        addresses.chain(names).chain(stranger).collect()
    }

    /// Returns the bans.
    pub const fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Returns how long a peer takes to answer.
    pub(crate) fn round_trip(&self, peer: PeerId) -> RoundTrip {
        let session = self.link_of(peer).and_then(|link| self.sessions.get(&link));
        session.map_or_else(RoundTrip::default, |session| session.round_trip)
    }

    /// We have `count` more final blocks: peers may send what belongs to as many.
    pub(crate) fn grow_budgets(&mut self, count: u64) {
        for session in self.sessions.values_mut() {
            session.budgets.grow(count);
        }
    }

    /// Returns what this part counted: faults, dials and drops.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Lists the peers that are up; their heights are filled in by the parent.
    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        let of = |link: &LinkId| {
            let session = self.sessions.get(link)?;
            Some(PeerStatus {
                peer: session.peer,
                link: *link,
                address: session.address,
                direction: session.direction,
                since: session.since,
                height: session.hello.as_ref().map_or(0, |hello| hello.height),
                srtt: session.round_trip.mean(),
                bytes_in: session.bytes_in,
                bytes_out: session.bytes_out,
            })
        };
        self.up.values().filter_map(of).collect()
    }
}
