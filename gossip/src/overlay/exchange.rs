//! Peer exchange: asking peers for addresses, and telling them ours.

use std::time::Duration;

use super::Overlay;
use super::address_book::{AddressSource, MAX_ADDRESSES_OF_ONE};
use crate::action::Outbox;
use crate::config::OUTBOUND_TARGET;
use crate::drops::Dropped;
use crate::fault::PeerFault;
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::address::MAX_ADDRESSES_PER_FRAME;
use crate::message::{AddressFrame, NodeAddress};
use crate::time::Instant;

/// How often a random peer is asked for addresses.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How often while this node has fewer peers than it wants.
const ASK_EVERY_WHEN_FEW: Duration = Duration::from_secs(5);

impl Overlay {
    /// Asks a peer for addresses.
    pub(super) fn ask_addresses(&self, link: LinkId, out: &mut Outbox) {
        out.send(link, Lane::Address, AddressFrame::Want.encode());
    }

    /// Asks a random peer when it is time.
    pub(super) fn exchange(&mut self, now: Instant, out: &mut Outbox) {
        if now < self.next_ask {
            return;
        }
        let is_few = self.up.len() < OUTBOUND_TARGET;
        let pause = if is_few {
            ASK_EVERY_WHEN_FEW
        } else {
            ASK_EVERY
        };
        self.next_ask = now + self.asks.jitter(pause);
        let links: Vec<_> = self.links().collect();
        let chosen = usize::try_from(self.asks.below(links.len() as u64)).unwrap_or(0);
        if let Some(link) = links.get(chosen) {
            self.ask_addresses(*link, out);
        }
    }

    /// Takes a frame of the address lane.
    pub(crate) fn on_address_frame(
        &mut self,
        now: Instant,
        link: LinkId,
        frame: AddressFrame,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        match frame {
            AddressFrame::Want => self.tell_addresses(now, link, out),
            AddressFrame::Addresses(nodes) => self.learn_addresses(now, link, &nodes),
        }
    }

    fn tell_addresses(
        &mut self,
        now: Instant,
        link: LinkId,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        let Some(session) = self.sessions.get_mut(&link) else {
            return Ok(());
        };
        if !session.budgets.address_requests.take(now, 1) {
            self.counters.drops.count(Dropped::AddressRequestOverBudget);
            return Err(PeerFault::OverBudget {
                lane: Lane::Address,
            });
        }
        let asker = session.peer;
        let mut peers: Vec<_> = self
            .up
            .keys()
            .copied()
            .filter(|peer| *peer != asker)
            .collect();
        self.teaching.shuffle(&mut peers);
        let node = |peer| NodeAddress {
            peer,
            addresses: self.book.of_peer(peer),
        };
        let nodes: Vec<_> = peers
            .into_iter()
            .map(node)
            .filter(|node| !node.addresses.is_empty())
            .map(|mut node| {
                node.addresses.truncate(MAX_ADDRESSES_OF_ONE);
                node
            })
            .take(MAX_ADDRESSES_PER_FRAME)
            .collect();
        out.send(link, Lane::Address, AddressFrame::Addresses(nodes).encode());
        Ok(())
    }

    fn learn_addresses(
        &mut self,
        now: Instant,
        link: LinkId,
        nodes: &[NodeAddress],
    ) -> Result<(), PeerFault> {
        if nodes.len() > MAX_ADDRESSES_PER_FRAME {
            return Err(PeerFault::TooManyAddresses { count: nodes.len() });
        }
        let Some(session) = self.sessions.get_mut(&link) else {
            return Ok(());
        };
        let teacher = session.peer;
        let is_near = session.address.ip().is_loopback();
        let mut is_news = false;
        for node in nodes {
            for address in &node.addresses {
                let is_foreign_loopback = address.ip().is_loopback() && !is_near;
                if is_foreign_loopback {
                    continue;
                }
                if !session.budgets.taught.take(now, 1) {
                    self.counters.drops.count(Dropped::AddressOverBudget);
                    continue;
                }
                // Two nodes that hear of each other at once should not dial at once.
                let at = now + self.dials.jitter(Duration::from_millis(100));
                let source = AddressSource::Taught(teacher);
                is_news |= self.book.learn(*address, node.peer, source, at);
            }
        }
        if is_news {
            self.next_dials = now;
        }
        Ok(())
    }
}
