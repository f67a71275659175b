//! Translates what the nested machines want: of each other, of workers and disk, of the outside.

use std::collections::BTreeSet;

use starling_gossip::Action as GossipAction;
use starling_gossip::Input as GossipInput;
use starling_gossip::fault::PeerFault;
use starling_ledger::block::BlockHash;
use starling_ledger::transaction::{RawTransaction, WireId};
use starling_ledger::vote::Height;

use super::{Action, Core, Event, HaltReason, LogWrite};
use crate::consensus;
use crate::consensus::wal::{LogEntry, LogRecord};

/// Most waiting transactions offered to a new neighbour, those submitted here first. Our choice:
/// what the healing of a network split needs first; the rest follows from other neighbours.
const OFFER_MAX: usize = 10_000;

impl Core {
    pub(super) fn on_gossip(&mut self, action: GossipAction) {
        match action {
            GossipAction::Dial { address, peer } => self.out.push(Action::Dial { address, peer }),
            GossipAction::Disconnect { link, reason } => {
                self.out.push(Action::Disconnect { link, reason });
            }
            GossipAction::Send { link, lane, bytes } => {
                self.out.push(Action::Send { link, lane, bytes });
            }
            GossipAction::CheckTransactions { from, batch } => self.transactions_came(from, batch),
            GossipAction::Consensus { from, message } => {
                let input = consensus::Input::Message {
                    from: Some(from),
                    message,
                };
                self.tell_consensus(input);
            }
            GossipAction::Roll { from, message } => {
                let from = Some(from);
                self.tell_consensus(consensus::Input::Roll { from, message });
            }
            GossipAction::Have { from, have } => {
                self.tell_consensus(consensus::Input::Have { from, have });
            }
            GossipAction::Block {
                from,
                raw,
                over_budget,
            } => self.body_came(from, raw, over_budget),
            GossipAction::ServeBlock { peer, hash, .. } => self.serve_body(peer, &hash),
            GossipAction::ServeBlocks { peer, from, count } => {
                self.out.push(Action::ReadBlocks { peer, from, count });
            }
            GossipAction::ApplyRange { peer, from, blocks } => {
                self.range_came(peer, from, blocks);
            }
            GossipAction::SentOn {
                wire_id,
                sent_to,
                neighbours,
            } => self.sent_on(&wire_id, (sent_to, neighbours)),
            GossipAction::TimeAsked { peer } => {
                let wall_ms = self.now.wall_ms;
                self.tell_gossip(GossipInput::SendTime { peer, wall_ms });
            }
            GossipAction::TimeTold {
                peer,
                wall_ms,
                round_trip,
            } => self
                .clocks
                .told(peer, (wall_ms, self.now.wall_ms), round_trip),
            GossipAction::PeerUp { peer } => self.peer_up(peer),
            GossipAction::PeerDown { peer } => self.peer_down(peer),
            GossipAction::Doubtful { peer, height } => self.doubt_status(peer, height),
            GossipAction::Inspected {
                peer,
                height,
                block,
            } => self.inspected(peer, height, block),
            GossipAction::Behind { best } => {
                let note = format!("behind: block {} here, {best} elsewhere", self.tip.height);
                self.out.push(Action::Event(Event::Note(note)));
            }
            GossipAction::CaughtUp => self.caught_up(),
            other => unreachable!("no rule for {other:?}"),
        }
    }

    pub(super) fn on_consensus(&mut self, action: consensus::Action) {
        use consensus::Action as Wanted;
        match action {
            Wanted::Flood { message } => {
                self.tell_gossip(GossipInput::FloodConsensus {
                    message,
                    force: false,
                });
            }
            Wanted::FloodRoll { message } => {
                self.tell_gossip(GossipInput::FloodRoll(message));
            }
            Wanted::SendTo { peer, message } => {
                self.tell_gossip(GossipInput::SendConsensus { peer, message });
            }
            Wanted::SendHave { peer, have } => {
                self.tell_gossip(GossipInput::SendHave { peer, have });
            }
            Wanted::SendBlock { peer, block, .. } => self.send_body(peer, &block),
            Wanted::WantBlock { block, from, .. } => self.want_body(block, from),
            Wanted::BuildBlock { height, round } => self.build_block(height, round),
            Wanted::Restream { block, .. } => self.relay_body(&block, None),
            Wanted::Persist {
                id,
                log,
                bodies,
                guard,
            } => {
                let height = self.tip.height + 1;
                let records = self.with_bodies(height, log, &bodies);
                self.out.push(Action::Log(LogWrite {
                    id,
                    height,
                    records,
                    guard,
                }));
            }
            Wanted::Decided {
                block, certificate, ..
            } => {
                self.decided(block, certificate);
            }
            Wanted::Penalize { peer, fault } => {
                let reason = format!("{fault:?}");
                self.penalize(peer, PeerFault::InvalidMessage { reason });
            }
            Wanted::Halt { reason } => {
                self.halt(HaltReason::Consensus {
                    reason: reason.to_string(),
                });
            }
            Wanted::Event(event) => self.out.push(Action::Event(Event::Consensus(event))),
        }
    }

    /// Puts the bodies of blocks beside the records that call them valid: a validator votes only
    /// for what it can still produce after a power cut.
    fn with_bodies(
        &self,
        height: Height,
        mut log: Vec<LogRecord>,
        bodies: &[BlockHash],
    ) -> Vec<LogRecord> {
        let bodies = bodies.iter().filter_map(|block| {
            let raw = self.blocks.raw(block)?.to_vec();
            Some(LogRecord {
                height,
                entry: LogEntry::Body { block: *block, raw },
            })
        });
        log.extend(bodies);
        log
    }

    /// A transaction of our own left for so many of so many neighbours.
    fn sent_on(&mut self, wire_id: &WireId, (sent_to, neighbours): (usize, usize)) {
        let waiting = self.mempool.by_wire_id(wire_id).map(|one| one.id());
        let event = |id| {
            Action::Event(Event::Gossiped {
                id,
                sent_to,
                neighbours,
            })
        };
        self.out.extend(waiting.map(event));
    }

    /// There is nothing to fetch. Who can get no more blocks has not caught up.
    fn caught_up(&mut self) {
        if self.gossip.pruned_from().is_none() {
            let note = format!("caught up at block {}", self.tip.height);
            self.out.push(Action::Event(Event::Note(note)));
        }
    }

    fn peer_down(&mut self, peer: starling_gossip::PeerId) {
        self.neighbours.remove(&peer);
        self.clocks.forget(&peer);
        self.blocks.wanted.remove_peer(&peer);
        self.tell_consensus(consensus::Input::PeerDown(peer));
    }

    fn peer_up(&mut self, peer: starling_gossip::PeerId) {
        self.neighbours.insert(peer);
        self.tell_consensus(consensus::Input::PeerUp(peer));
        let transactions = self.offered();
        if !transactions.is_empty() {
            self.tell_gossip(GossipInput::Offer { peer, transactions });
        }
    }

    /// What a new neighbour is offered: first what waits of those who submitted something here,
    /// each account's in the order of nonces. What is not on disk yet comes to it a moment later.
    fn offered(&self) -> Vec<RawTransaction> {
        let own = self.own.open().take(OFFER_MAX);
        let own = own.filter_map(|id| Some(self.mempool.by_id(id)?.sender()));
        let own: BTreeSet<_> = own.collect();
        let first = own.iter().flat_map(|account| self.mempool.of(account));
        // One that comes twice is offered once.
        let all = first.chain(self.mempool.all()).take(OFFER_MAX);
        let durable = all.filter(|waiting| !self.own.is_under_way(&waiting.id()));
        durable.map(|waiting| waiting.raw().clone()).collect()
    }
}
