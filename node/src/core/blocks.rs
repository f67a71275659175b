//! Bodies of the blocks that may be decided at the current height.
//!
//! A body is taken in when consensus has seen a signed proposal (or a certificate) for its hash.
//! One that comes earlier than its proposal waits in a small corner, which neighbours share. What
//! is wanted and missing is asked for (`wanted`), and has a place whatever else was sent.
//!
//! # Limits
//! [`BODIES_MAX`] bodies, of which at most [`EARLY_MAX`] that no proposal has named, and the last
//! final one: 75 MiB at the worst.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::fault::PeerFault;
use starling_gossip::{Instant, PeerId};
use starling_ledger::address::AccountId;
use starling_ledger::block::{BLOCK_BYTES_MAX, BlockHash, BlockHeader};
use starling_ledger::codec::decode_prefix;
use starling_ledger::execution::BlockError;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Height, Round};

use super::wanted::{Neighbour, Wanted};
use super::{Action, Core, Event, HaltReason, Pending};
use crate::consensus;
use crate::drops::Dropped;
use crate::node_state::DRIFT_MAX_MS;
use crate::work::{ExecutedBlock, Skipped, Work};

/// Most bodies of one height. Our choice: two values for each of ten rounds, and room for early
/// ones.
pub(super) const BODIES_MAX: usize = 24;
/// Most bodies that no proposal has named yet.
pub(super) const EARLY_MAX: usize = 4;
/// Bodies up to this size are pushed on to all neighbours; larger ones are fetched by who lacks
/// them. Our choice: pushing a larger one to many would delay votes behind it in the bottleneck's
/// queue.
const PUSH_BYTES_MAX: usize = 64 * 1024;

/// The bodies of one height.
pub(super) struct Blocks {
    height: Height,
    bodies: BTreeMap<BlockHash, Body>,
    /// Those that no proposal has named, and who sent them, the oldest first.
    early: VecDeque<(PeerId, BlockHash)>,
    pub(super) wanted: Wanted,
    /// The body of the last block that was agreed on here: a neighbour may be a step behind.
    last: Option<(BlockHash, Arc<[u8]>)>,
    /// Valid blocks whose time is ahead of our clock, with the time they become timely.
    ahead: Vec<(u64, Instant, BlockHash)>,
}

struct Body {
    raw: Arc<[u8]>,
    header: BlockHeader,
    state: BodyState,
}

enum BodyState {
    Early,
    Executing,
    Valid(Arc<ExecutedBlock>),
    Invalid(String),
}

impl Blocks {
    pub(super) fn new(height: Height) -> Self {
        Self {
            height,
            bodies: BTreeMap::new(),
            early: VecDeque::new(),
            wanted: Wanted::default(),
            last: None,
            ahead: Vec::new(),
        }
    }

    /// Forgets lower heights, but for the block that was decided last.
    pub(super) fn advance(&mut self, height: Height, decided: &BlockHash) {
        self.height = height;
        self.last = self.raw(decided).map(|raw| (*decided, raw));
        self.bodies.retain(|_, body| body.header.height >= height);
        self.early
            .retain(|(_, hash)| self.bodies.contains_key(hash));
        self.wanted.clear();
        self.ahead.clear();
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let asks = self.wanted.next_deadline().into_iter();
        asks.chain(self.ahead.iter().map(|(_, at, _)| *at)).min()
    }

    /// Returns the encoding of a body of this height, or of the last block.
    pub(super) fn raw(&self, hash: &BlockHash) -> Option<Arc<[u8]>> {
        let last = || self.last.as_ref().filter(|(last, _)| last == hash);
        let body = self.bodies.get(hash).map(|body| &body.raw);
        body.or_else(|| last().map(|(_, raw)| raw)).cloned()
    }

    /// Returns a valid block with its effects.
    pub(super) fn valid(&self, hash: &BlockHash) -> Option<Arc<ExecutedBlock>> {
        match &self.bodies.get(hash)?.state {
            BodyState::Valid(block) => Some(Arc::clone(block)),
            _ => None,
        }
    }

    /// Returns why a block is invalid, if it is.
    pub(super) fn invalid(&self, hash: &BlockHash) -> Option<&str> {
        match &self.bodies.get(hash)?.state {
            BodyState::Invalid(reason) => Some(reason),
            _ => None,
        }
    }

    /// Makes room for a body that a proposal has named; `needed` are those that must stay. Says
    /// whether one had to go.
    fn make_room(&mut self, needed: impl Fn(&BlockHash) -> bool) -> bool {
        if self.bodies.len() < BODIES_MAX {
            return false;
        }
        let worth = |body: &Body| match body.state {
            BodyState::Early => 0,
            BodyState::Invalid(_) => 1,
            BodyState::Executing | BodyState::Valid(_) => 2,
        };
        let free = self.bodies.iter().filter(|(hash, _)| !needed(hash));
        let least = free.min_by_key(|(_, body)| (worth(body), body.header.round));
        let least = least.map(|(hash, _)| *hash);
        if let Some(hash) = least {
            self.bodies.remove(&hash);
            self.early.retain(|(_, early)| *early != hash);
        }
        least.is_some()
    }

    /// Makes room for a body of `from` that no proposal has named: whoever has the most in the
    /// corner gives its oldest. Says whether there is room, and whether one had to go.
    fn make_early_room(&mut self, from: PeerId) -> (bool, bool) {
        if self.early.len() < EARLY_MAX {
            return (self.bodies.len() < BODIES_MAX, false);
        }
        let share = |peer: PeerId| self.early.iter().filter(|(of, _)| *of == peer).count();
        let own = (share(from) + 1, from);
        let others = self.early.iter().map(|(peer, _)| (share(*peer), *peer));
        let (_, most) = others.fold(own, |most, one| if one.0 > most.0 { one } else { most });
        let oldest = self.early.iter().position(|(peer, _)| *peer == most);
        let Some((_, hash)) = oldest.and_then(|place| self.early.remove(place)) else {
            return (false, false);
        };
        self.bodies.remove(&hash);
        (true, true)
    }
}

impl Core {
    /// A neighbour sent the body of a block.
    pub(super) fn body_came(&mut self, from: PeerId, raw: Arc<[u8]>, over_budget: bool) {
        let header = match decode_prefix::<BlockHeader, BLOCK_BYTES_MAX>(&raw) {
            Ok(header) => header,
            Err(error) => {
                let fault = PeerFault::InvalidBlock {
                    reason: error.to_string(),
                };
                return self.penalize(from, fault);
            }
        };
        let hash = header.hash();
        if let Err(place) = self.admit_body(from, (header.height, hash), over_budget) {
            return self.drops.count(place);
        }
        let wanted = self.blocks.wanted.contains(&hash);
        self.blocks.bodies.insert(
            hash,
            Body {
                raw,
                header,
                state: BodyState::Early,
            },
        );
        if wanted {
            let mut askers = self.blocks.wanted.take(&hash);
            askers.remove(&from);
            self.relay_body(&hash, Some(from));
            for peer in askers {
                self.send_body(peer, &hash);
            }
            self.execute_body(&hash);
        } else {
            self.blocks.early.push_back((from, hash));
        }
    }

    /// Finds a place for a body. One that is wanted has one, whatever else was sent.
    fn admit_body(
        &mut self,
        from: PeerId,
        (height, hash): (Height, BlockHash),
        over_budget: bool,
    ) -> Result<(), Dropped> {
        let current = self.blocks.height;
        if height != current && height != current + 1 {
            return Err(Dropped::BodyOtherHeight);
        }
        if self.blocks.bodies.contains_key(&hash) {
            return Err(Dropped::BodyKnown);
        }
        let displaced = if self.blocks.wanted.contains(&hash) {
            let consensus = &self.consensus;
            self.blocks.make_room(|hash| consensus.needs_block(hash))
        } else if over_budget {
            return Err(Dropped::BodyOverBudget);
        } else {
            let (has_room, displaced) = self.blocks.make_early_room(from);
            if !has_room {
                return Err(Dropped::BodyNoRoom);
            }
            displaced
        };
        self.drops.add(Dropped::BodyNoRoom, displaced.into());
        Ok(())
    }

    /// Takes in a body that the consensus log held.
    pub(super) fn recover_body(&mut self, raw: Arc<[u8]>) {
        let Ok(header) = decode_prefix::<BlockHeader, BLOCK_BYTES_MAX>(&raw) else {
            return;
        };
        if header.height != self.blocks.height {
            return;
        }
        let hash = header.hash();
        self.blocks.bodies.insert(
            hash,
            Body {
                raw,
                header,
                state: BodyState::Early,
            },
        );
        self.execute_body(&hash);
    }

    /// Consensus has seen a proposal or certificate for `hash` and lacks the body.
    pub(super) fn want_body(&mut self, hash: BlockHash, from: Option<PeerId>) {
        match self.blocks.bodies.get(&hash).map(|body| &body.state) {
            Some(BodyState::Early) => {
                self.relay_body(&hash, None);
                self.execute_body(&hash);
            }
            Some(BodyState::Valid(_) | BodyState::Invalid(_)) => self.tell_checked(&hash),
            Some(BodyState::Executing) => {}
            None => {
                let next_ask = self.now.instant + self.patience(from);
                self.blocks.wanted.want(hash, from, next_ask);
            }
        }
    }

    /// How long a body may take by itself after a proposal of `sender`, or of whoever is nearest.
    fn patience(&self, sender: Option<PeerId>) -> Duration {
        let sender = sender.filter(|peer| self.neighbours.contains(peer));
        match sender {
            Some(peer) => self.gossip.round_trip(peer).unasked(),
            None => {
                let all = self.neighbours.iter();
                let unasked = all.map(|peer| self.gossip.round_trip(*peer).unasked());
                unasked.min().unwrap_or_default()
            }
        }
    }

    /// Asks for wanted bodies that did not come by themselves, and returns to blocks that became
    /// timely.
    pub(super) fn fetch_missing_blocks(&mut self) {
        let height = self.blocks.height;
        let (neighbours, gossip) = (&self.neighbours, &self.gossip);
        let near = || -> Vec<Neighbour> {
            let all = neighbours.iter();
            all.map(|peer| (*peer, gossip.round_trip(*peer))).collect()
        };
        let asks = self.blocks.wanted.due(self.now.instant, near);
        for (peer, hash) in asks {
            let peer = Some(peer);
            self.tell_gossip(starling_gossip::Input::WantBlock { peer, height, hash });
        }
        let timely = self
            .blocks
            .ahead
            .extract_if(.., |(_, at, _)| *at <= self.now.instant);
        for (_, _, hash) in timely.collect::<Vec<_>>() {
            self.tell_checked(&hash);
        }
    }

    /// A worker made our own block.
    pub(super) fn built(
        &mut self,
        (height, round): (Height, Round),
        built: Result<Box<ExecutedBlock>, BlockError>,
        skipped: Vec<Skipped>,
    ) {
        for (wire_id, error) in skipped {
            self.mempool.remove(&wire_id, error);
        }
        let block = match built {
            Ok(block) => Arc::new(*block),
            Err(error) => {
                return self.halt(HaltReason::Storage {
                    reason: error.to_string(),
                });
            }
        };
        if height != self.blocks.height || self.tip.height + 1 != height {
            return;
        }
        let hash = block.hash;
        let body = Body {
            raw: Arc::clone(&block.raw),
            header: block.block.header.clone(),
            state: BodyState::Valid(Arc::clone(&block)),
        };
        self.blocks.bodies.insert(hash, body);
        self.out.push(Action::Event(proposed(&block)));
        self.tell_next_validators(&block);
        self.tell_consensus(consensus::Input::Built {
            height,
            round,
            block: hash,
        });
        self.relay_body(&hash, None);
    }

    /// A worker executed a proposed block.
    pub(super) fn executed(
        &mut self,
        hash: BlockHash,
        executed: Result<Box<ExecutedBlock>, BlockError>,
    ) {
        let Some(body) = self.blocks.bodies.get_mut(&hash) else {
            return;
        };
        match executed {
            Ok(block) => {
                let block = Arc::new(*block);
                self.out.push(Action::Event(proposed(&block)));
                body.state = BodyState::Valid(Arc::clone(&block));
                self.note_time(&block.block.header);
                self.tell_next_validators(&block);
            }
            Err(error) if error.is_deterministic() => {
                self.out.push(Action::Event(Event::Note(format!(
                    "block {hash:?} is invalid: {error}"
                ))));
                body.state = BodyState::Invalid(error.to_string());
                self.counts.proposals_invalid += 1;
            }
            Err(error) => {
                return self.halt(HaltReason::Storage {
                    reason: error.to_string(),
                });
            }
        }
        self.tell_checked(&hash);
        self.commit_if_decided();
    }

    /// Tells consensus who may vote at the next height, where that changes.
    fn tell_next_validators(&mut self, block: &ExecutedBlock) {
        let next = &block.executed.next_validators;
        if *next != self.tip.validators {
            self.tell_consensus(consensus::Input::NextValidators {
                height: block.block.header.height,
                validators: Arc::clone(next),
            });
        }
    }

    /// Takes note of the time of a proposal that has just come. A block's time is above its
    /// parent's whatever its proposer's clock says: that is not held against it.
    fn note_time(&mut self, header: &BlockHeader) {
        let early_ms = header.time_ms.saturating_sub(self.now.wall_ms);
        self.counts.proposals_early += u64::from(early_ms > DRIFT_MAX_MS);
        if header.time_ms > self.tip.time_ms.saturating_add(1) {
            let account = header.proposer;
            self.clocks.proposed(self.now.instant, account, early_ms);
        }
    }

    /// A neighbour misbehaved.
    pub(super) fn penalize(&mut self, peer: PeerId, fault: PeerFault) {
        self.tell_gossip(starling_gossip::Input::Penalize { peer, fault });
    }

    /// Hands a body to one neighbour that lacks it.
    pub(super) fn send_body(&mut self, peer: PeerId, hash: &BlockHash) {
        if let Some(raw) = self.blocks.raw(hash) {
            self.tell_gossip(starling_gossip::Input::SendBlock { peer, raw });
        }
    }

    /// A neighbour asks for a body: it gets it now, or when it comes.
    pub(super) fn serve_body(&mut self, peer: PeerId, hash: &BlockHash) {
        if self.blocks.raw(hash).is_some() {
            self.send_body(peer, hash);
        } else if !self.blocks.wanted.asked_by(peer, hash) {
            self.drops.count(Dropped::BodyRequestNotHere);
        }
    }

    /// Hands a body to all neighbours but the one it came from: our own always, others when small.
    pub(super) fn relay_body(&mut self, hash: &BlockHash, from: Option<PeerId>) {
        let Some(raw) = self.blocks.raw(hash) else {
            return;
        };
        if from.is_some() && raw.len() > PUSH_BYTES_MAX {
            return;
        }
        for peer in self
            .neighbours
            .clone()
            .into_iter()
            .filter(|peer| Some(*peer) != from)
        {
            let raw = Arc::clone(&raw);
            self.tell_gossip(starling_gossip::Input::SendBlock { peer, raw });
        }
    }

    fn execute_body(&mut self, hash: &BlockHash) {
        self.blocks.wanted.take(hash);
        self.blocks.early.retain(|(_, early)| early != hash);
        let Some(body) = self.blocks.bodies.get_mut(hash) else {
            return;
        };
        if body.header.height != self.tip.height + 1 {
            return;
        }
        body.state = BodyState::Executing;
        let raw = Arc::clone(&body.raw);
        let verified_certificate = self.pipeline.verified_certificate();
        let work = Work::ExecuteBlock {
            tip: self.tip.clone(),
            hash: *hash,
            raw,
            verified_certificate,
        };
        self.hand_out(work, Pending::Execute);
    }

    /// The consensus key of a validator; of whoever stands first for an account that is none, whose
    /// blocks are invalid anyway.
    fn key_of(&self, account: &AccountId) -> PublicKey {
        let members = self.tip.validators.members();
        let named = members.iter().find(|member| member.account == *account);
        named.or(members.first()).expect("a set is not empty").key
    }

    /// Tells consensus what is known of a checked body.
    fn tell_checked(&mut self, hash: &BlockHash) {
        let Some(body) = self.blocks.bodies.get(hash) else {
            return;
        };
        let valid = match body.state {
            BodyState::Valid(_) => true,
            BodyState::Invalid(_) => false,
            _ => return,
        };
        let header = &body.header;
        let ahead_ms = header
            .time_ms
            .saturating_sub(self.now.wall_ms.saturating_add(DRIFT_MAX_MS));
        let input = consensus::Input::BlockChecked {
            height: header.height,
            block: *hash,
            round: header.round,
            proposer: self.key_of(&header.proposer),
            valid,
            timely: ahead_ms == 0,
        };
        if valid && ahead_ms > 0 {
            let wait = Duration::from_millis(ahead_ms.min(60_000));
            self.blocks
                .ahead
                .push((header.time_ms, self.now.instant + wait, *hash));
        }
        self.tell_consensus(input);
    }
}

fn proposed(block: &ExecutedBlock) -> Event {
    let header = &block.block.header;
    Event::Proposed {
        height: header.height,
        round: header.round,
        block: block.hash,
        proposer: header.proposer,
        transactions: block.transaction_ids(),
    }
}
