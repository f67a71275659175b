//! What the node answers and wants.

use starling_ledger::block::BlockHash;
use starling_ledger::vote::Height;

use super::Gossip;
use crate::action::Outbox;
use crate::drops::Dropped;
use crate::input::Input;
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::{BlockFrame, ConsensusFrame, SyncFrame};
use crate::peer_id::PeerId;
use crate::sync::serve_frame;
use crate::time::Instant;

/// Neighbours asked for a block when the node does not say whom.
const ASKED_FOR_BLOCK: usize = 2;

impl Gossip {
    pub(super) fn on_request(&mut self, now: Instant, input: Input, out: &mut Outbox) {
        match input {
            Input::TransactionChecked { wire_id, verdict } => {
                let checked = (wire_id, verdict);
                let faults = self.flood.on_checked(now, checked, &mut self.counters);
                self.penalize_all(now, faults, out);
            }
            Input::SubmitTransaction(raw) => self.flood.submit(now, &raw, out, &mut self.counters),
            Input::RelayTransaction(raw) => {
                let named = (raw.wire_id(), &raw);
                self.flood.accept(now, named, &mut self.counters);
            }
            Input::Offer { peer, transactions } => {
                if let Some(link) = self.overlay.link_of(peer) {
                    self.flood
                        .offer(now, (link, transactions), &mut self.counters);
                }
            }
            Input::FloodConsensus { message, force } => {
                let frame = ConsensusFrame::Message(message);
                self.flood_consensus(now, &frame, force, out);
            }
            Input::FloodRoll(message) => {
                self.flood_consensus(now, &ConsensusFrame::Roll(message), false, out);
            }
            Input::Head { height, hash } => {
                self.overlay.set_height(height);
                let more = height.saturating_sub(self.sync.ours());
                self.overlay.grow_budgets(more);
                self.sync.set_head(now, height, hash);
            }
            Input::RangeChecked {
                peer,
                from,
                ok_up_to,
                fault,
            } => {
                let checked = (peer, from, ok_up_to);
                self.sync.on_checked(now, checked, &mut self.counters);
                if let Some(fault) = fault {
                    self.penalize_peer(now, peer, &fault, out);
                }
            }
            Input::Inspect { peer, height } => self.sync.inspect(now, (peer, height), out),
            Input::WantBlock { peer, height, hash } => self.want_block(peer, (height, hash), out),
            answer => self.send_to_peer(answer, out),
        }
    }

    /// Sends what is for one peer, if it is up.
    fn send_to_peer(&mut self, answer: Input, out: &mut Outbox) {
        let (peer, lane, frame) = match answer {
            Input::SendConsensus { peer, message } => {
                let frame = ConsensusFrame::Message(message).encode();
                if let Some(link) = self.overlay.link_of(peer) {
                    self.messages.sent(link, &frame);
                }
                (peer, Lane::Consensus, frame)
            }
            Input::SendHave { peer, have } => {
                (peer, Lane::Consensus, ConsensusFrame::Have(have).encode())
            }
            Input::SendTime { peer, wall_ms } => {
                let frame = ConsensusFrame::Time(wall_ms).encode();
                (peer, Lane::Consensus, frame)
            }
            Input::SendBlock { peer, raw } => (peer, Lane::Blocks, BlockFrame::Block(raw).encode()),
            Input::Serve { peer, from, blocks } => {
                self.counters.ranges_served += 1;
                (peer, Lane::Sync, serve_frame(from, blocks))
            }
            Input::ServePruned { peer, from, first } => {
                let frame = SyncFrame::Pruned { from, first };
                (peer, Lane::Sync, frame.encode())
            }
            _ => return,
        };
        match self.overlay.link_of(peer) {
            Some(link) => out.send(link, lane, frame),
            None => self.counters.drops.count(Dropped::SendPeerGone),
        }
    }

    fn flood_consensus(
        &mut self,
        now: Instant,
        frame: &ConsensusFrame,
        force: bool,
        out: &mut Outbox,
    ) {
        let frame = frame.encode();
        for link in self
            .messages
            .flood(now, &frame, self.overlay.links(), force)
        {
            out.send(link, Lane::Consensus, frame.clone());
        }
    }

    fn want_block(
        &mut self,
        peer: Option<PeerId>,
        (height, hash): (Height, BlockHash),
        out: &mut Outbox,
    ) {
        let mut asked: Vec<LinkId> = match peer {
            Some(peer) => self.overlay.link_of(peer).into_iter().collect(),
            None => self.overlay.links().collect(),
        };
        if asked.is_empty() {
            self.counters.drops.count(Dropped::SendPeerGone);
        }
        self.blocks.shuffle(&mut asked);
        let frame = BlockFrame::WantBlock { height, hash }.encode();
        for link in asked.into_iter().take(ASKED_FOR_BLOCK) {
            out.send(link, Lane::Blocks, frame.clone());
        }
    }
}
