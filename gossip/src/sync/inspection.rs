//! Noticing that a peer's chain is another one, and looking at one block of it at a time.
//!
//! A status names height and hash of a peer's last block. Where ours of that height is known to be
//! another one, or not known here any more, the node is told; it may then ask to see the peer's
//! block of any height.
//!
//! # Limits
//! One block is looked at at a time; the last [`MAX_HEADS`] hashes are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::block::BlockHash;
use starling_ledger::vote::Height;

use super::{RANGE_TIMEOUT, Sync};
use crate::action::{Action, Outbox};
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::SyncFrame;
use crate::peer_id::PeerId;
use crate::time::Instant;

/// Hashes of our own last blocks that are kept. Our choice: who is up to date is at most a few
/// blocks away, and the node is asked about whoever is further behind once.
const MAX_HEADS: usize = 128;

/// Hashes of our last final blocks.
#[derive(Debug)]
pub(super) struct Heads(BTreeMap<Height, BlockHash>);

/// The block of a peer that was asked for.
#[derive(Debug)]
pub(super) struct Inspection {
    peer: PeerId,
    link: LinkId,
    height: Height,
    pub(super) deadline: Instant,
}

impl Heads {
    pub(super) fn new((height, hash): (Height, BlockHash)) -> Self {
        Self([(height, hash)].into())
    }

    pub(super) fn insert(&mut self, height: Height, hash: BlockHash) {
        self.0.insert(height, hash);
        while self.0.len() > MAX_HEADS {
            self.0.pop_first();
        }
    }
}

impl Sync {
    /// Compares what a peer says of its last block with what we know of ours. Whoever is asked
    /// about without need is asked about once for each link.
    pub(super) fn compare(&mut self, link: LinkId, (height, head): (Height, BlockHash)) -> bool {
        if height == 0 || height > self.ours {
            return false;
        }
        match self.heads.0.get(&height) {
            Some(ours) => *ours != head,
            None => self.claims.look_at(link),
        }
    }

    /// Asks a peer for its final block at `height`.
    pub(crate) fn inspect(
        &mut self,
        now: Instant,
        (peer, height): (PeerId, Height),
        out: &mut Outbox,
    ) {
        self.end_inspection(None, out);
        let Some(link) = self.claims.link_of(peer) else {
            return out.push(Action::Inspected {
                peer,
                height,
                block: None,
            });
        };
        self.inspection = Some(Inspection {
            peer,
            link,
            height,
            deadline: now + RANGE_TIMEOUT,
        });
        let (from, count) = (height, 1);
        let frame = SyncFrame::WantBlocks { from, count };
        out.send(link, Lane::Sync, frame.encode());
    }

    /// Says whether a peer was asked for this block.
    pub(super) fn inspects(&self, (link, from): (LinkId, Height)) -> bool {
        let asked = self.inspection.as_ref();
        asked.is_some_and(|it| (it.link, it.height) == (link, from))
    }

    /// Tells the node what came of it.
    pub(super) fn end_inspection(&mut self, block: Option<Arc<[u8]>>, out: &mut Outbox) {
        if let Some(Inspection { peer, height, .. }) = self.inspection.take() {
            out.push(Action::Inspected {
                peer,
                height,
                block,
            });
        }
    }

    /// Gives up on what a link that is gone, or time, leaves unanswered.
    pub(super) fn drop_inspection(&mut self, over: impl Fn(&Inspection) -> bool, out: &mut Outbox) {
        if self.inspection.as_ref().is_some_and(over) {
            self.end_inspection(None, out);
        }
    }

    pub(super) fn is_of(link: LinkId) -> impl Fn(&Inspection) -> bool {
        move |it| it.link == link
    }
}
