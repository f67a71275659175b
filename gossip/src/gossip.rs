//! The gossip machine: overlay, flooding and sync as one.
//!
//! The node calls [`Gossip::handle`] with everything that happens, does the actions that come out
//! in their order, and calls again with [`Input::Wake`] at [`Gossip::next_deadline`]. Nothing here
//! reads a clock or fails: what a peer does wrong ends in a penalty.
//!
//! # Invariants
//! - `PeerUp` and `PeerDown` of a peer alternate; nothing comes from a peer that is not up.
//! - After `Disconnect` of a link nothing more of that link is heard of.

mod frames;
mod requests;

use starling_ledger::vote::Height;

use crate::action::{Action, LinkChange, Outbox};
use crate::config::GossipConfig;
use crate::counters::Counters;
use crate::drops::Dropped;
use crate::fault::PeerFault;
use crate::flood::{Flood, Messages};
use crate::input::{ConfiguredPeer, Input};
use crate::link::LinkId;
use crate::overlay::{AddressStatus, Bans, FailedPeer, Overlay, PeerStatus};
use crate::peer_id::PeerId;
use crate::random::{Purpose, Random};
use crate::round_trip::RoundTrip;
use crate::sync::Sync;
use crate::time::Instant;

/// How a node spreads what it knows and hears what others know.
#[derive(Debug)]
pub struct Gossip {
    overlay: Overlay,
    flood: Flood,
    messages: Messages,
    sync: Sync,
    blocks: Random,
    counters: Counters,
}

impl Gossip {
    /// Makes a machine without links; it wants a wake-up at once, to dial.
    pub fn new(config: &GossipConfig) -> Self {
        Self {
            overlay: Overlay::new(config),
            flood: Flood::new(config.seen_max),
            messages: Messages::new(),
            sync: Sync::new(config.head, config.seed.random(Purpose::Ranges)),
            blocks: config.seed.random(Purpose::Blocks),
            counters: Counters::default(),
        }
    }

    /// Takes one input, and appends what is to be done.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Vec<Action>) {
        let mut outbox = Outbox::default();
        self.dispatch(now, input, &mut outbox);
        self.settle(now, &mut outbox);
        self.count_sent(&mut outbox.actions);
        out.append(&mut outbox.actions);
    }

    fn dispatch(&mut self, now: Instant, input: Input, out: &mut Outbox) {
        match input {
            Input::Connected {
                peer,
                link,
                address,
                direction,
            } => {
                self.overlay
                    .connected(now, (link, peer), (address, direction), out);
            }
            Input::Frame { link, lane, bytes } => self.on_frame(now, (link, lane, bytes), out),
            Input::Disconnected { link, reason } => {
                self.overlay.disconnected(now, link, &reason, out);
            }
            Input::DialFailed {
                address, reason, ..
            } => {
                self.overlay.dial_failed(now, address, &reason);
            }
            Input::Wake => {}
            Input::AddPeer(peer) => self.overlay.add_peer(now, peer),
            Input::NameLookedUp { name, failure } => {
                self.overlay.name_looked_up(now, name, failure);
            }
            Input::ForgetPeer(address) => self.overlay.forget_peer(address),
            Input::Ban { peer, duration } => self.overlay.ban(now, peer, duration, out),
            Input::Unban(peer) => self.overlay.unban(now, peer),
            Input::Penalize { peer, fault } => self.penalize_peer(now, peer, &fault, out),
            request => self.on_request(now, request, out),
        }
    }

    /// Does what is due, and passes on changes of links until there are none.
    fn settle(&mut self, now: Instant, out: &mut Outbox) {
        loop {
            self.overlay.wake(now, out);
            while let Some(change) = out.changes.pop_front() {
                self.on_link_change(now, change, out);
            }
            let faults = self.sync.wake(now, out, &mut self.counters);
            self.penalize_all(now, faults, out);
            let is_due = self.overlay.next_deadline().is_some_and(|at| at <= now);
            if out.changes.is_empty() && !is_due {
                break;
            }
        }
        self.flood.wake(now, out, &mut self.counters);
    }

    fn on_link_change(&mut self, now: Instant, change: LinkChange, out: &mut Outbox) {
        match change {
            LinkChange::Up { peer, link, height } => {
                self.flood.add(peer, link);
                self.sync.add(peer, link, height, out);
                out.push(Action::PeerUp { peer });
                for (lane, bytes) in self.overlay.take_early(link) {
                    self.on_peer_frame(now, (peer, link), (lane, bytes), out);
                }
            }
            LinkChange::Down { peer, link } => {
                self.flood.remove(link);
                let ranges = self.sync.remove(link, out);
                self.counters.drops.add(Dropped::RangeSenderOut, ranges);
                out.push(Action::PeerDown { peer });
            }
        }
    }

    fn penalize_peer(&mut self, now: Instant, peer: PeerId, why: &PeerFault, out: &mut Outbox) {
        if let Some(link) = self.overlay.link_of(peer) {
            self.overlay.penalize(now, link, why, out);
        }
    }

    fn penalize_all(&mut self, now: Instant, faults: Vec<(LinkId, PeerFault)>, out: &mut Outbox) {
        for (link, fault) in faults {
            self.overlay.penalize(now, link, &fault, out);
        }
    }

    /// Counts frames that go out, and takes back those above their lane's limit.
    fn count_sent(&mut self, actions: &mut Vec<Action>) {
        actions.retain(|action| {
            let Action::Send { link, lane, bytes } = action else {
                return true;
            };
            if bytes.len() > lane.frame_bytes_max() {
                self.counters.drops.count(Dropped::SendOversized);
                return false;
            }
            self.counters.frames_out[*lane] += 1;
            self.counters.bytes_out[*lane] += bytes.len() as u64;
            if let Some(session) = self.overlay.session_mut(*link) {
                session.bytes_out += bytes.len() as u64;
            }
            true
        });
    }

    /// Returns when [`Input::Wake`] is wanted if nothing comes before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let flood = self.flood.next_deadline();
        self.overlay
            .next_deadline()
            .into_iter()
            .chain(flood)
            .chain(self.sync.next_deadline())
            .min()
    }

    /// Lists the peers that are up, by key.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let mut peers = self.overlay.peers();
        for status in &mut peers {
            status.height = self.sync.height_of(status.link).unwrap_or(status.height);
        }
        peers
    }

    /// Returns how long a peer takes to answer.
    pub fn round_trip(&self, peer: PeerId) -> RoundTrip {
        self.overlay.round_trip(peer)
    }

    /// Returns how many peers are up.
    pub fn peer_count(&self) -> usize {
        self.overlay.links().count()
    }

    /// Returns how many peers are up and were heard of late.
    pub fn answering(&self, now: Instant) -> usize {
        self.overlay.answering(now)
    }

    /// Lists what was tried to get a neighbour and led to nothing, for `peers --failed`.
    pub fn failed(&self) -> Vec<FailedPeer> {
        self.overlay.failed()
    }

    /// Returns the highest height that any peer claims, also one that is not believed at the
    /// moment: it may be slow.
    pub fn claimed_height(&self) -> Height {
        self.sync.claimed_height()
    }

    /// Returns from which block on neighbours keep blocks, if all that have more than this node
    /// have pruned the one that it needs next.
    pub fn pruned_from(&self) -> Option<Height> {
        self.sync.pruned_from()
    }

    /// Lists all addresses and how the last dial of each went.
    pub fn addresses(&self) -> Vec<AddressStatus> {
        self.overlay.addresses()
    }

    /// Returns addresses with their peers, for [`GossipConfig::known`] of the next start.
    pub fn known_addresses(&self) -> Vec<ConfiguredPeer> {
        self.overlay.known_addresses()
    }

    /// Returns the bans.
    pub const fn bans(&self) -> &Bans {
        self.overlay.bans()
    }

    /// Says whether the node is behind a reliable peer and fetches ranges of blocks.
    pub const fn is_syncing(&self) -> bool {
        self.sync.is_syncing()
    }

    /// Returns the highest height that a reliable peer claims, or ours.
    pub fn best_height(&self, now: Instant) -> Height {
        self.sync.best_height(now)
    }

    /// Returns the totals since the start.
    pub fn counters(&self) -> Counters {
        let overlay = self.overlay.counters();
        Counters {
            faults: overlay.faults,
            dials: overlay.dials,
            dials_failed: overlay.dials_failed,
            drops: overlay.drops.clone() + &self.counters.drops,
            ..self.counters.clone()
        }
    }
}
