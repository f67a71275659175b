//! Peers whose chain is another one: where it parts from ours, and whether that proves a lie.
//!
//! Something does not fit: a peer names another last block than ours of that height, or delivers
//! blocks that build on another one. Then the peer's blocks are looked at, one at a time, halving
//! the heights between one that is known to be the same and one that differs, until a height is
//! found at which the validators of our own chain signed both. There the node stops, with both as
//! evidence. It is found in about as many steps as the height has bits.
//!
//! # Invariants
//! - Only what is inside the trust period stops a node: validators who left long ago have nothing
//!   to lose, and could stop everybody. What they show is told once.
//! - Nothing that is stored changes.
//! - A peer on another chain is let go, with evidence or without.
//!
//! # Limits
//! One peer is looked into at a time, a block at a time; `WAITING_MAX` others wait. A peer whose
//! status led to nothing is not looked into for a minute because of another, so that none keeps the
//! others from being.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::fault::PeerFault;
use starling_gossip::{Instant, PeerId};
use starling_ledger::light::{Compared, Conflict, OwnBlock};
use starling_ledger::vote::Height;

use super::{Action, Core, Event, HaltReason, Pending};
use crate::work::{ForkError, Work};

/// How long a status of a peer that was looked into counts for nothing.
const REST: Duration = Duration::from_secs(60);

/// Most peers that wait to be looked into. Our choice: as many as a node has links.
const WAITING_MAX: usize = 64;

/// What is being found out, and what was told already.
#[derive(Default)]
pub(super) struct Forks {
    inquiry: Option<Inquiry>,
    /// Peers whose status did not fit while another was looked into, and the height of each.
    waiting: BTreeMap<PeerId, Height>,
    /// Peers that were looked into, and until when that is enough; at most one entry for each that
    /// was up within [`REST`].
    rested: BTreeMap<PeerId, Instant>,
    /// Contradictions by keys that no longer count were told of.
    told: bool,
}

/// One peer that is looked into.
struct Inquiry {
    peer: PeerId,
    why: Why,
    /// The highest height that is the same on both chains, or has to be taken for it.
    same: Height,
    /// The lowest height that differs.
    differs: Option<Height>,
    /// The height that is looked at.
    at: Height,
    /// The peer's block there.
    theirs: Option<Arc<[u8]>>,
}

/// Why a peer is looked into.
enum Why {
    /// Its last block is not ours, or cannot be compared.
    Status,
    /// It delivered a block that builds on another one than ours. Where our own validators signed
    /// it, that is evidence as well, should it not come to more.
    Parent(Option<Box<Conflict>>),
}

impl Core {
    /// A peer's last block does not fit ours.
    pub(super) fn doubt_status(&mut self, peer: PeerId, height: Height) {
        let now = self.now.instant;
        self.forks.rested.retain(|_, until| *until > now);
        if self.forks.rested.contains_key(&peer) {
            return;
        }
        if self.forks.inquiry.is_none() {
            self.look_into(peer, height, Why::Status);
        } else if self.forks.waiting.len() < WAITING_MAX {
            self.forks.waiting.insert(peer, height);
        }
    }

    /// A peer delivered a block that does not build on ours. `signed` is the evidence where our
    /// validators signed it.
    pub(super) fn doubt_parent(&mut self, peer: PeerId, signed: Option<Box<Conflict>>) {
        self.look_into(peer, self.tip.height, Why::Parent(signed));
    }

    fn look_into(&mut self, peer: PeerId, at: Height, why: Why) {
        if self.forks.inquiry.is_none() && at >= 1 {
            self.forks.inquiry = Some(Inquiry {
                peer,
                why,
                same: 0,
                differs: None,
                at,
                theirs: None,
            });
            self.tell_gossip(starling_gossip::Input::Inspect { peer, height: at });
        }
    }

    /// A peer's block came, or did not.
    pub(super) fn inspected(&mut self, peer: PeerId, height: Height, block: Option<Arc<[u8]>>) {
        let inquiry = self.forks.inquiry.as_mut();
        let Some(inquiry) = inquiry.filter(|it| (it.peer, it.at) == (peer, height)) else {
            return;
        };
        match block {
            Some(raw) => {
                inquiry.theirs = Some(raw);
                self.out.push(Action::ReadOwn { height });
            }
            None => self.unknown(),
        }
    }

    /// Our own block of a height was read; `None` where it is no longer kept.
    pub(super) fn own_read(&mut self, height: Height, own: Option<Box<OwnBlock>>) {
        let inquiry = self.forks.inquiry.as_mut().filter(|it| it.at == height);
        let Some(theirs) = inquiry.and_then(|inquiry| inquiry.theirs.take()) else {
            return;
        };
        match own {
            Some(own) => {
                self.hand_out(Work::CompareChains { own, theirs }, Pending::Compare);
            }
            None => self.unknown(),
        }
    }

    /// A worker compared the two.
    pub(super) fn chains_compared(&mut self, compared: Result<Compared, ForkError>) {
        let Some(inquiry) = self.forks.inquiry.as_mut() else {
            return;
        };
        match compared {
            Ok(Compared::Same) => {
                inquiry.same = inquiry.at;
                self.next_height();
            }
            Ok(Compared::Apart) => {
                inquiry.differs = Some(inquiry.at);
                self.next_height();
            }
            Ok(Compared::Contradiction(conflict)) => self.contradicted(conflict),
            Err(error) => self.end_inquiry(Some(PeerFault::InvalidRange {
                reason: error.to_string(),
            })),
        }
    }

    /// The height cannot be compared: whatever is found will be above it.
    fn unknown(&mut self) {
        if let Some(inquiry) = self.forks.inquiry.as_mut() {
            inquiry.same = inquiry.at;
            self.next_height();
        }
    }

    fn next_height(&mut self) {
        let Some(inquiry) = self.forks.inquiry.as_mut() else {
            return;
        };
        let Some(differs) = inquiry.differs else {
            return self.nothing_found();
        };
        if differs - inquiry.same <= 1 {
            return self.nothing_found();
        }
        inquiry.at = inquiry.same + (differs - inquiry.same) / 2;
        let (peer, height) = (inquiry.peer, inquiry.at);
        self.tell_gossip(starling_gossip::Input::Inspect { peer, height });
    }

    /// No height shows two blocks of one set of validators.
    fn nothing_found(&mut self) {
        let Some(inquiry) = self.forks.inquiry.as_mut() else {
            return;
        };
        if let Why::Parent(signed) = &mut inquiry.why
            && let Some(conflict) = signed.take()
        {
            return self.contradicted(conflict);
        }
        let (height, differs) = (inquiry.at, inquiry.differs);
        let builds_elsewhere = matches!(inquiry.why, Why::Parent(_));
        let fault = match differs {
            Some(height) => Some(PeerFault::OtherChain { height }),
            None if builds_elsewhere => Some(PeerFault::OtherChain { height }),
            None => None,
        };
        self.end_inquiry(fault);
    }

    /// The validators of our own chain signed two blocks of one height.
    fn contradicted(&mut self, conflict: Box<Conflict>) {
        let (ours, height) = (conflict.trusted.as_ref(), conflict.other.height);
        let time_ms = ours.map_or(self.tip.genesis.time_ms, |header| header.time_ms);
        if self.trust.counts(time_ms, self.now.wall_ms) {
            self.forks.inquiry = None;
            return self.halt(HaltReason::Fork(conflict));
        }
        self.tell_of_old_keys(&conflict.to_string());
        self.end_inquiry(Some(PeerFault::OtherChain { height }));
    }

    /// Says once that validators of long ago signed what contradicts our chain.
    pub(super) fn tell_of_old_keys(&mut self, what: &str) {
        if !std::mem::replace(&mut self.forks.told, true) {
            let words = format!(
                "{what}; that is longer ago than the trust period, by keys that may have left \
                 since: this node goes on with its own chain, and lets go of who follows the other"
            );
            self.out.push(Action::Event(Event::Warning(words)));
        }
    }

    fn end_inquiry(&mut self, fault: Option<PeerFault>) {
        let Some(Inquiry { peer, .. }) = self.forks.inquiry.take() else {
            return;
        };
        self.forks.rested.insert(peer, self.now.instant + REST);
        self.forks.waiting.remove(&peer);
        if let Some(fault) = fault {
            self.penalize(peer, fault);
        }
        if let Some((next, height)) = self.forks.waiting.pop_first() {
            self.look_into(next, height, Why::Status);
        }
    }
}
