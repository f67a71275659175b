//! Frames of peers: decoded, counted against budgets, and given to whom they concern.

use bytes::Bytes;

use super::Gossip;
use crate::action::{Action, Outbox};
use crate::budget::{Budget, PeerBudgets};
use crate::drops::Dropped;
use crate::fault::PeerFault;
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::{
    AddressFrame, BlockFrame, ConsensusFrame, FrameError, SyncFrame, TransactionFrame,
};
use crate::peer_id::PeerId;
use crate::sync::{clamp_range, serve_frame};
use crate::time::Instant;

impl Gossip {
    pub(super) fn on_frame(
        &mut self,
        now: Instant,
        (link, lane, bytes): (LinkId, Lane, Bytes),
        out: &mut Outbox,
    ) {
        self.counters.frames_in[lane] += 1;
        self.counters.bytes_in[lane] += bytes.len() as u64;
        let bytes = self.overlay.receive(now, (link, lane, bytes), out);
        if let (Some(bytes), Some(peer)) = (bytes, self.overlay.peer_of(link)) {
            self.on_peer_frame(now, (peer, link), (lane, bytes), out);
        }
    }

    /// Takes a frame of a peer that is up.
    pub(super) fn on_peer_frame(
        &mut self,
        now: Instant,
        (peer, link): (PeerId, LinkId),
        (lane, bytes): (Lane, Bytes),
        out: &mut Outbox,
    ) {
        let from = (peer, link);
        let result = match lane {
            Lane::Consensus => self.on_consensus(now, from, &bytes, out),
            Lane::Blocks => self.on_block(now, from, &bytes, out),
            Lane::Transactions => self.on_transactions(now, link, &bytes, out),
            Lane::Sync => self.on_sync(now, from, &bytes, out),
            Lane::Address => self.on_address(now, link, &bytes, out),
        };
        if let Err(fault) = result {
            self.overlay.penalize(now, link, &fault, out);
        }
    }

    fn on_consensus(
        &mut self,
        now: Instant,
        (from, link): (PeerId, LinkId),
        bytes: &Bytes,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        let Some(frame) = self.decoded(Lane::Consensus, ConsensusFrame::decode(bytes))? else {
            return Ok(());
        };
        match frame {
            ConsensusFrame::Hello(_) => return Err(PeerFault::SecondHello),
            ConsensusFrame::Ping(nonce) => {
                if self.allows(now, link, Dropped::PingOverBudget, |budgets| {
                    &mut budgets.pings
                }) {
                    out.send(link, Lane::Consensus, ConsensusFrame::Pong(nonce).encode());
                    out.push(Action::TimeAsked { peer: from });
                }
            }
            ConsensusFrame::Pong(nonce) => self.overlay.pong(now, link, nonce),
            ConsensusFrame::Time(wall_ms) => match self.overlay.take_ping(link) {
                Some(round_trip) => out.push(Action::TimeTold {
                    peer: from,
                    wall_ms,
                    round_trip,
                }),
                None => self.counters.drops.count(Dropped::TimeUnasked),
            },
            ConsensusFrame::Message(message) => {
                self.counters.messages_in += 1;
                let place = Dropped::MessageOverBudget;
                if !self.allows(now, link, place, |budgets| &mut budgets.messages) {
                    return Err(PeerFault::OverBudget {
                        lane: Lane::Consensus,
                    });
                }
                if self.messages.heard(now, link, bytes) {
                    out.push(Action::Consensus { from, message });
                } else {
                    self.counters.message_duplicates += 1;
                }
            }
            ConsensusFrame::Roll(message) => {
                if self.allows(now, link, Dropped::RollOverBudget, |budgets| {
                    &mut budgets.rolls
                }) {
                    match self.messages.heard(now, link, bytes) {
                        true => out.push(Action::Roll { from, message }),
                        false => self.counters.message_duplicates += 1,
                    }
                }
            }
            ConsensusFrame::Have(have) => {
                if self.allows(now, link, Dropped::HaveOverBudget, |budgets| {
                    &mut budgets.haves
                }) {
                    out.push(Action::Have { from, have });
                }
            }
        }
        Ok(())
    }

    fn on_block(
        &mut self,
        now: Instant,
        (from, link): (PeerId, LinkId),
        bytes: &Bytes,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        let Some(frame) = self.decoded(Lane::Blocks, BlockFrame::decode(bytes))? else {
            return Ok(());
        };
        match frame {
            BlockFrame::Block(raw) => {
                // Whether it is waited for, only the node knows.
                let over_budget = !self.takes(now, link, |budgets| &mut budgets.blocks);
                out.push(Action::Block {
                    from,
                    raw,
                    over_budget,
                });
            }
            BlockFrame::WantBlock { height, hash } => {
                let place = Dropped::BodyRequestOverBudget;
                if self.allows(now, link, place, |budgets| &mut budgets.block_requests) {
                    out.push(Action::ServeBlock {
                        peer: from,
                        height,
                        hash,
                    });
                }
            }
        }
        Ok(())
    }

    fn on_transactions(
        &mut self,
        now: Instant,
        link: LinkId,
        bytes: &Bytes,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        match self.decoded(Lane::Transactions, TransactionFrame::decode(bytes))? {
            Some(TransactionFrame::Push(pushed)) => {
                self.flood
                    .on_push(now, (link, pushed), out, &mut self.counters)
            }
            None => Ok(()),
        }
    }

    fn on_sync(
        &mut self,
        now: Instant,
        (peer, link): (PeerId, LinkId),
        bytes: &Bytes,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        match self.decoded(Lane::Sync, SyncFrame::decode(bytes))? {
            Some(SyncFrame::Status { height, head }) => {
                let is_doubtful = self.sync.on_status(link, height, head);
                let doubt = is_doubtful.then_some(Action::Doubtful { peer, height });
                out.actions.extend(doubt);
            }
            Some(SyncFrame::WantBlocks { from, count }) => {
                let count = clamp_range(self.sync.ours(), from, count)?;
                let place = Dropped::RangeRequestOverBudget;
                if !self.allows(now, link, place, |budgets| &mut budgets.range_requests) {
                    return Ok(());
                }
                match count {
                    0 => out.send(link, Lane::Sync, serve_frame(from, Vec::new())),
                    _ => out.push(Action::ServeBlocks { peer, from, count }),
                }
            }
            Some(SyncFrame::Blocks { from, blocks }) => {
                let counted = (&mut self.counters, &mut *out);
                self.sync.on_blocks(now, (link, from), blocks.0, counted)?;
            }
            Some(SyncFrame::Pruned { from, first }) => {
                let counted = (&mut self.counters, &mut *out);
                self.sync.on_pruned(now, (link, from), first, counted)?;
            }
            None => {}
        }
        Ok(())
    }

    fn on_address(
        &mut self,
        now: Instant,
        link: LinkId,
        bytes: &Bytes,
        out: &mut Outbox,
    ) -> Result<(), PeerFault> {
        match self.decoded(Lane::Address, AddressFrame::decode(bytes))? {
            Some(frame) => self.overlay.on_address_frame(now, link, frame, out),
            None => Ok(()),
        }
    }

    /// Counts a frame that is skipped, and turns one that is malformed into a fault.
    fn decoded<T>(
        &mut self,
        lane: Lane,
        frame: Result<Option<T>, FrameError>,
    ) -> Result<Option<T>, PeerFault> {
        let malformed = |error: FrameError| PeerFault::MalformedFrame {
            lane,
            reason: error.to_string(),
        };
        let frame = frame.map_err(malformed)?;
        if frame.is_none() {
            self.counters.drops.count(Dropped::FrameUnknown);
        }
        Ok(frame)
    }

    /// Takes one of a link's budgets, or counts what is above it.
    fn allows(
        &mut self,
        now: Instant,
        link: LinkId,
        place: Dropped,
        which: impl FnOnce(&mut PeerBudgets) -> &mut Budget,
    ) -> bool {
        let allowed = self.takes(now, link, which);
        if !allowed {
            self.counters.drops.count(place);
        }
        allowed
    }

    fn takes(
        &mut self,
        now: Instant,
        link: LinkId,
        which: impl FnOnce(&mut PeerBudgets) -> &mut Budget,
    ) -> bool {
        let session = self.overlay.session_mut(link);
        session.is_some_and(|session| which(&mut session.budgets).take(now, 1))
    }
}
