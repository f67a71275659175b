//! Sync: a node behind fetches ranges of final blocks from several neighbours at once.
//!
//! Neighbours tell each other their heights. Whoever is behind asks for the blocks above its own,
//! range by range, keeps what comes early, and hands the node one range after the other. There is
//! no state but our height, so that it can stop and resume anywhere.
//!
//! # Invariants
//! - Ranges asked for, kept and being applied do not overlap, and are at most [`MAX_RANGES`].
//! - Blocks go to the node in order, one range at a time.
//! - A height that is only claimed blocks nothing: who does not deliver is not asked for a while,
//!   and its claim does not count for as long.
//!
//! # Limits
//! Eight ranges of at most 4 MiB wait here.

mod heights;
mod inspection;
mod serve;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use starling_ledger::block::BlockHash;
use starling_ledger::vote::Height;

use crate::action::{Action, Outbox};
use crate::counters::Counters;
use crate::drops::Dropped;
use crate::fault::PeerFault;
use crate::lane::Lane;
use crate::link::LinkId;
use crate::message::SyncFrame;
use crate::message::sync::MAX_RANGE_BLOCKS;
use crate::peer_id::PeerId;
use crate::random::Random;
use crate::time::Instant;

use heights::Claims;
use inspection::{Heads, Inspection};
pub(crate) use serve::{clamp_range, serve_frame};

/// Ranges asked for, kept or being applied at a time.
pub const MAX_RANGES: usize = 8;
/// How long a peer may take to deliver a range.
pub const RANGE_TIMEOUT: Duration = Duration::from_secs(4);
/// How long agreement may take to deliver the one block that a peer is ahead.
const ONE_BEHIND_GRACE: Duration = Duration::from_millis(500);
/// The least time between two reports of our height.
const STATUS_PAUSE: Duration = Duration::from_millis(100);
/// How often it is reported if it does not change, since a report may be lost.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// A range that a peer was asked for.
#[derive(Debug)]
struct Request {
    link: LinkId,
    count: u64,
    deadline: Instant,
}

/// A range that waits for its turn.
#[derive(Debug)]
struct Delivered {
    link: LinkId,
    blocks: Vec<Arc<[u8]>>,
}

/// A range that the node has.
#[derive(Debug)]
struct Applying {
    peer: PeerId,
    from: Height,
    count: u64,
}

/// The fetching of ranges, and what peers are told of our height.
#[derive(Debug)]
pub(crate) struct Sync {
    ours: Height,
    head: BlockHash,
    heads: Heads,
    inspection: Option<Inspection>,
    claims: Claims,
    requests: BTreeMap<Height, Request>,
    delivered: BTreeMap<Height, Delivered>,
    applying: Option<Applying>,
    behind_since: Option<Instant>,
    is_fetching: bool,
    is_behind: bool,
    status_due: Option<Instant>,
    status_sent: Option<Instant>,
    random: Random,
}

impl Sync {
    pub(crate) fn new((ours, head): (Height, BlockHash), random: Random) -> Self {
        Self {
            ours,
            head,
            heads: Heads::new((ours, head)),
            inspection: None,
            claims: Claims::new(),
            requests: BTreeMap::new(),
            delivered: BTreeMap::new(),
            applying: None,
            behind_since: None,
            is_fetching: false,
            is_behind: false,
            status_due: None,
            status_sent: None,
            random,
        }
    }

    pub(crate) fn add(&mut self, peer: PeerId, link: LinkId, height: Height, out: &mut Outbox) {
        self.claims.add(peer, link, height);
        out.send(link, Lane::Sync, self.status());
    }

    /// Forgets a link; returns how many ranges it delivered in vain.
    pub(crate) fn remove(&mut self, link: LinkId, out: &mut Outbox) -> u64 {
        self.drop_inspection(Self::is_of(link), out);
        self.claims.remove(link);
        self.requests.retain(|_, request| request.link != link);
        self.drop_delivered(link)
    }

    fn drop_delivered(&mut self, link: LinkId) -> u64 {
        let before = self.delivered.len();
        self.delivered.retain(|_, delivered| delivered.link != link);
        (before - self.delivered.len()) as u64
    }

    fn status(&self) -> bytes::Bytes {
        SyncFrame::Status {
            height: self.ours,
            head: self.head,
        }
        .encode()
    }

    /// Notes the node's last final block; peers hear of it soon.
    pub(crate) fn set_head(&mut self, now: Instant, height: Height, head: BlockHash) {
        if height > self.ours {
            // One block of progress is no longer what we were behind by.
            self.behind_since = None;
        }
        self.ours = height;
        self.head = head;
        self.heads.insert(height, head);
        let due = self
            .status_sent
            .map_or(now, |sent| now.max(sent + STATUS_PAUSE));
        self.status_due = Some(self.status_due.map_or(due, |planned| planned.min(due)));
    }

    /// Notes a peer's height. Says whether its last block is, or may be, on another chain.
    pub(crate) fn on_status(&mut self, link: LinkId, height: Height, head: BlockHash) -> bool {
        self.claims.set(link, height);
        self.compare(link, (height, head))
    }

    /// Takes a range that came.
    pub(crate) fn on_blocks(
        &mut self,
        now: Instant,
        (link, from): (LinkId, Height),
        blocks: Vec<Arc<[u8]>>,
        (counters, out): (&mut Counters, &mut Outbox),
    ) -> Result<(), PeerFault> {
        if self.inspects((link, from)) {
            self.end_inspection(blocks.into_iter().next(), out);
            return Ok(());
        }
        let asked = self
            .requests
            .get(&from)
            .filter(|request| request.link == link);
        let Some(count) = asked.map(|request| request.count) else {
            return Err(PeerFault::UnaskedRange);
        };
        if blocks.len() as u64 > count {
            return Err(PeerFault::UnaskedRange);
        }
        self.requests.remove(&from);
        self.claims.answered(link);
        if blocks.is_empty() {
            return self.claims.strike(now, link);
        }
        counters.ranges_delivered += 1;
        self.delivered.insert(from, Delivered { link, blocks });
        Ok(())
    }

    /// Takes a peer's word that it no longer keeps a range it was asked for. Nobody is to blame: it
    /// is asked for what it keeps, and others for the rest.
    pub(crate) fn on_pruned(
        &mut self,
        now: Instant,
        (link, from): (LinkId, Height),
        first: Height,
        (counters, out): (&mut Counters, &mut Outbox),
    ) -> Result<(), PeerFault> {
        if self.inspects((link, from)) {
            self.end_inspection(None, out);
            return Ok(());
        }
        let asked = self.requests.get(&from);
        if asked.is_none_or(|request| request.link != link) {
            return Err(PeerFault::UnaskedRange);
        }
        self.requests.remove(&from);
        self.claims.answered(link);
        if first <= from {
            return self.claims.strike(now, link);
        }
        counters.ranges_pruned += 1;
        self.claims.pruned(link, first);
        Ok(())
    }

    /// Takes the node's verdict on a range.
    pub(crate) fn on_checked(
        &mut self,
        now: Instant,
        (peer, from, ok_up_to): (PeerId, Height, Height),
        counters: &mut Counters,
    ) {
        let Some(applying) = self
            .applying
            .take_if(|it| it.peer == peer && it.from == from)
        else {
            return;
        };
        let is_whole = ok_up_to.saturating_add(1) >= from.saturating_add(applying.count);
        let link = self.claims.link_of(peer);
        match link {
            Some(link) if is_whole => self.claims.delivered(link),
            Some(link) => {
                // Whoever delivered a bad range is not trusted with what else it delivered. A fault
                // is punished by the parent; here it is only not asked for a while.
                let dropped = self.drop_delivered(link);
                counters.drops.add(Dropped::RangeSenderOut, dropped);
                let _ = self.claims.strike(now, link);
            }
            None => {}
        }
        if ok_up_to > self.ours {
            self.ours = ok_up_to;
            self.behind_since = None;
        }
    }

    /// Does what is due; returns peers that let ranges time out once too often.
    pub(crate) fn wake(
        &mut self,
        now: Instant,
        out: &mut Outbox,
        counters: &mut Counters,
    ) -> Vec<(LinkId, PeerFault)> {
        self.report(now, out);
        let faults = self.expire(now, counters);
        self.drop_inspection(|it| it.deadline <= now, out);
        self.claims.forgive(now);
        self.trim();
        self.apply_next(out);
        self.fetch(now, out, counters);
        faults
    }

    fn report(&mut self, now: Instant, out: &mut Outbox) {
        if self.status_due.is_some_and(|due| due <= now) {
            self.status_due = Some(now + STATUS_EVERY);
            self.status_sent = Some(now);
            let status = self.status();
            for link in self.claims.links() {
                out.send(link, Lane::Sync, status.clone());
            }
        }
    }

    fn expire(&mut self, now: Instant, counters: &mut Counters) -> Vec<(LinkId, PeerFault)> {
        let mut faults = Vec::new();
        let is_over = |request: &Request| request.deadline <= now;
        let over: Vec<_> = self
            .requests
            .iter()
            .filter(|(_, it)| is_over(it))
            .map(|(from, _)| *from)
            .collect();
        for request in over
            .into_iter()
            .filter_map(|from| self.requests.remove(&from))
        {
            counters.ranges_stalled += 1;
            self.claims.answered(request.link);
            if let Err(fault) = self.claims.strike(now, request.link) {
                faults.push((request.link, fault));
            }
        }
        faults
    }

    /// Drops what our own progress has overtaken.
    fn trim(&mut self) {
        let ours = self.ours;
        while let Some(first) = self.delivered.first_entry() {
            let from = *first.key();
            if from > ours {
                break;
            }
            let Delivered { link, mut blocks } = first.remove();
            let passed = usize::try_from(ours + 1 - from).unwrap_or(usize::MAX);
            if passed < blocks.len() {
                blocks.drain(..passed);
                self.delivered.insert(ours + 1, Delivered { link, blocks });
            }
        }
    }

    fn apply_next(&mut self, out: &mut Outbox) {
        if self.applying.is_some() {
            return;
        }
        let next = self.next();
        let Some(Delivered { link, blocks }) = self.delivered.remove(&next) else {
            return;
        };
        let Some(peer) = self.claims.peer_of(link) else {
            return;
        };
        self.applying = Some(Applying {
            peer,
            from: next,
            count: blocks.len() as u64,
        });
        out.push(Action::ApplyRange {
            peer,
            from: next,
            blocks,
        });
    }

    /// Asks for ranges as long as we are behind and there is room.
    fn fetch(&mut self, now: Instant, out: &mut Outbox, counters: &mut Counters) {
        let reach = self.claims.reach(now, self.next());
        let gap = reach.saturating_sub(self.ours);
        let since = match gap {
            0 => None,
            _ => Some(self.behind_since.unwrap_or(now)),
        };
        self.behind_since = since;
        let is_over = since.is_some_and(|since| now >= since + ONE_BEHIND_GRACE);
        self.is_fetching = gap >= 2 || (gap == 1 && (self.is_fetching || is_over));
        self.tell_node(now, out);
        if !self.is_fetching {
            return;
        }
        while let Some((link, from, count)) = self.next_request(now, reach) {
            let deadline = now + RANGE_TIMEOUT;
            self.requests.insert(
                from,
                Request {
                    link,
                    count,
                    deadline,
                },
            );
            self.claims.asked(link);
            counters.ranges_asked += 1;
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            out.send(
                link,
                Lane::Sync,
                SyncFrame::WantBlocks { from, count }.encode(),
            );
        }
    }

    /// Tells the node when it falls behind and when it has caught up; peers on probation do not
    /// count.
    fn tell_node(&mut self, now: Instant, out: &mut Outbox) {
        let best = self.claims.best(now, self.next());
        let is_behind = self.is_fetching && best > self.ours;
        match (std::mem::replace(&mut self.is_behind, is_behind), is_behind) {
            (false, true) => out.push(Action::Behind { best }),
            (true, false) => out.push(Action::CaughtUp),
            _ => {}
        }
    }

    /// Finds the lowest heights that nobody was asked for, and a peer to ask.
    fn next_request(&mut self, now: Instant, reach: Height) -> Option<(LinkId, Height, u64)> {
        let covered = self.covered();
        if covered.len() >= MAX_RANGES {
            return None;
        }
        let mut from = self.ours.checked_add(1)?;
        let mut end = u64::MAX;
        for (start, count) in covered {
            if start > from {
                end = start;
                break;
            }
            from = from.max(start.saturating_add(count));
        }
        if from > reach {
            return None;
        }
        let (link, claim) = self.claims.choose(now, from, &mut self.random)?;
        let available = claim.saturating_sub(from).saturating_add(1);
        let count = available.min(end - from).min(MAX_RANGE_BLOCKS as u64);
        Some((link, from, count))
    }

    /// Ranges asked for, kept and being applied: first height and number, ascending.
    fn covered(&self) -> Vec<(Height, u64)> {
        let requests = self
            .requests
            .iter()
            .map(|(from, request)| (*from, request.count));
        let delivered = &self.delivered;
        let delivered = delivered
            .iter()
            .map(|(from, it)| (*from, it.blocks.len() as u64));
        let applying = self.applying.iter().map(|it| (it.from, it.count));
        let mut covered: Vec<_> = requests.chain(delivered).chain(applying).collect();
        covered.sort_unstable();
        covered
    }

    /// Returns when something has to be done if nothing comes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let requests = self.requests.values().map(|request| request.deadline);
        let waiting = self.behind_since.filter(|_| !self.is_fetching);
        let grace = waiting.map(|since| since + ONE_BEHIND_GRACE);
        requests
            .chain(self.inspection.iter().map(|it| it.deadline))
            .chain(grace)
            .chain(self.status_due)
            .chain(self.claims.next_trusted())
            .min()
    }

    /// Says whether the node is behind a reliable peer and fetches ranges.
    pub(crate) const fn is_syncing(&self) -> bool {
        self.is_behind
    }

    /// Returns the highest height that a reliable peer claims, or ours.
    pub(crate) fn best_height(&self, now: Instant) -> Height {
        self.claims.best(now, self.next()).max(self.ours)
    }

    /// Returns the highest height that any peer claims, also one that is not believed.
    pub(crate) fn claimed_height(&self) -> Height {
        self.claims.highest()
    }

    /// Returns from which block on peers keep blocks, if that is past the one needed next.
    pub(crate) fn pruned_from(&self) -> Option<Height> {
        self.claims.pruned_from(self.next())
    }

    /// Returns the height a peer claims.
    pub(crate) fn height_of(&self, link: LinkId) -> Option<Height> {
        self.claims.height_of(link)
    }

    pub(crate) const fn ours(&self) -> Height {
        self.ours
    }

    /// The height that is needed first.
    const fn next(&self) -> Height {
        self.ours.saturating_add(1)
    }
}
