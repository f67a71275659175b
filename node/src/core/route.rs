//! Translates what the nested machines want: of each other, of workers and disk, of the outside.

use starling_gossip::Action as GossipAction;
use starling_gossip::Input as GossipInput;
use starling_gossip::fault::PeerFault;
use starling_ledger::block::BlockHash;
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::Height;

use super::{Action, Core, Event, HaltReason, LogWrite, Now};
use crate::consensus;
use crate::consensus::wal::{LogEntry, LogRecord};

/// Most waiting transactions offered to a new neighbour. Our choice: what the healing of a network split
/// needs first; the rest follows from other neighbours.
const OFFER_MAX: usize = 10_000;

impl Core {
    pub(super) fn on_gossip(&mut self, now: Now, action: GossipAction, out: &mut Vec<Action>) {
        match action {
            GossipAction::Dial { address, peer } => out.push(Action::Dial { address, peer }),
            GossipAction::Disconnect { link, reason } => {
                out.push(Action::Disconnect { link, reason });
            }
            GossipAction::Send { link, lane, bytes } => {
                out.push(Action::Send { link, lane, bytes });
            }
            GossipAction::CheckTransactions { from, batch } => {
                self.transactions_came(now, from, batch, out);
            }
            GossipAction::Consensus { from, message } => {
                let input = consensus::Input::Message {
                    from: Some(from),
                    message,
                };
                self.tell_consensus(now, input);
            }
            GossipAction::Have { from, have } => {
                self.tell_consensus(now, consensus::Input::Have { from, have });
            }
            GossipAction::Block { from, raw } => self.body_came(now, from, raw, out),
            GossipAction::ServeBlock { peer, hash, .. } => self.send_body(now, peer, &hash),
            GossipAction::ServeBlocks { peer, from, count } => {
                out.push(Action::ReadBlocks { peer, from, count });
            }
            GossipAction::ApplyRange { peer, from, blocks } => {
                self.range_came(peer, from, blocks, out);
            }
            GossipAction::PeerUp { peer } => self.peer_up(now, peer),
            GossipAction::PeerDown { peer } => {
                self.neighbours.remove(&peer);
                self.tell_consensus(now, consensus::Input::PeerDown(peer));
            }
            GossipAction::Behind { best } => {
                let note = format!("behind: block {} here, {best} elsewhere", self.tip.height);
                out.push(Action::Event(Event::Note(note)));
            }
            GossipAction::CaughtUp => {
                let note = format!("caught up at block {}", self.tip.height);
                out.push(Action::Event(Event::Note(note)));
            }
            other => unreachable!("no rule for {other:?}"),
        }
    }

    pub(super) fn on_consensus(
        &mut self,
        now: Now,
        action: consensus::Action,
        out: &mut Vec<Action>,
    ) {
        use consensus::Action as Wanted;
        match action {
            Wanted::Flood { message } => {
                self.tell_gossip(
                    now,
                    GossipInput::FloodConsensus {
                        message,
                        force: false,
                    },
                );
            }
            Wanted::SendTo { peer, message } => {
                self.tell_gossip(now, GossipInput::SendConsensus { peer, message });
            }
            Wanted::SendHave { peer, have } => {
                self.tell_gossip(now, GossipInput::SendHave { peer, have });
            }
            Wanted::SendBlock { peer, block, .. } => self.send_body(now, peer, &block),
            Wanted::WantBlock { block, from, .. } => self.want_body(now, block, from, out),
            Wanted::BuildBlock { height, round } => self.build_block(now, height, round, out),
            Wanted::Restream { block, .. } => self.relay_body(now, &block, None),
            Wanted::Persist {
                id,
                log,
                bodies,
                guard,
            } => {
                let height = self.tip.height + 1;
                let records = self.with_bodies(height, log, &bodies);
                out.push(Action::Log(LogWrite {
                    id,
                    height,
                    records,
                    guard,
                }));
            }
            Wanted::Decided {
                block, certificate, ..
            } => {
                self.decided(now, block, certificate, out);
            }
            Wanted::Penalize { peer, fault } => {
                let reason = format!("{fault:?}");
                self.penalize(now, peer, PeerFault::InvalidMessage { reason });
            }
            Wanted::Halt { reason } => {
                self.halt(
                    HaltReason::Consensus {
                        reason: reason.to_string(),
                    },
                    out,
                );
            }
            Wanted::Event(event) => out.push(Action::Event(Event::Consensus(event))),
        }
    }

    /// Puts the bodies of blocks beside the records that call them valid: a validator votes only for what
    /// it can still produce after a power cut.
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

    fn peer_up(&mut self, now: Now, peer: starling_gossip::PeerId) {
        self.neighbours.insert(peer);
        self.tell_consensus(now, consensus::Input::PeerUp(peer));
        let transactions: Vec<RawTransaction> =
            self.mempool.all().take(OFFER_MAX).cloned().collect();
        if !transactions.is_empty() {
            self.tell_gossip(now, GossipInput::Offer { peer, transactions });
        }
    }
}
