//! From a decision, or a fetched range, to a block on disk and the next height.

use std::collections::VecDeque;
use std::sync::Arc;

use starling_gossip::fault::PeerFault;
use starling_gossip::{Instant, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::evidence::Evidence;
use starling_ledger::execution::{BlockError, BlockLimits};
use starling_ledger::hash::Hash;
use starling_ledger::light::Conflict;
use starling_ledger::storage::View;
use starling_ledger::vote::{Height, Round};

use super::{Action, Core, Event, HaltReason, Pending};
use crate::consensus;
use crate::drops::Dropped;
use crate::work::{BlockInputs, ExecutedBlock, RangeError, SignedHeader, Work};

/// Most fetched ranges that wait for their check. Gossip delivers one after the other, so this is
/// slack.
const RANGES_MAX: usize = 4;

/// Blocks between decision and disk.
#[derive(Default)]
pub(super) struct Pipeline {
    /// Decided here, not executed yet.
    decided: Option<(BlockHash, CommitCertificate)>,
    /// On the way to disk, in order.
    committing: VecDeque<Announcement>,
    /// Fetched, not checked yet.
    ranges: VecDeque<FetchedRange>,
    /// Whether a range is under check.
    checking: bool,
    /// When the last fetched block was found to be right.
    pub(super) fetched: Option<Instant>,
    /// A block that punishes somebody is on its way to disk.
    punished: bool,
    /// The certificate of the tip, for the next proposal.
    certificate: Option<CommitCertificate>,
}

impl Pipeline {
    /// Starts after the block of `certificate`.
    pub(super) fn new(certificate: Option<CommitCertificate>) -> Self {
        Self {
            certificate,
            ..Self::default()
        }
    }

    /// Returns the hash of the tip's certificate as seen here: its signatures are verified.
    pub(super) fn verified_certificate(&self) -> Option<Hash> {
        self.certificate.as_ref().map(CommitCertificate::hash)
    }
}

/// Blocks that a neighbour delivered: who, the height of the first, the encodings.
type FetchedRange = (PeerId, Height, Vec<Arc<[u8]>>);

/// What is told about a block once it is on disk.
struct Announcement {
    height: Height,
    event: Event,
}

impl Core {
    /// Begins the height after the tip.
    pub(super) fn start_height(&mut self) {
        let height = self.tip.height + 1;
        self.blocks.advance(height, &self.tip.hash);
        let validators = Arc::clone(&self.tip.validators);
        self.tell_consensus(consensus::Input::StartHeight { height, validators });
        // Consensus knows what it decided itself; not what came by sync, or before a restart.
        if let Some(certificate) = self.pipeline.certificate.clone() {
            let validators = Arc::clone(&self.tip.signed_by);
            self.tell_consensus(consensus::Input::Parent {
                validators,
                certificate,
            });
        }
        self.tell_work_to_do();
    }

    /// Tells consensus whether a block would hold anything.
    pub(super) fn tell_work_to_do(&mut self) {
        let ready = self.mempool.has_ready();
        self.tell_consensus(consensus::Input::WorkToDo(ready));
    }

    /// It is our turn: hands out the making of a block.
    ///
    /// A fresh proposal in a later round halves its size limit, so that slow machines never fail
    /// every round.
    pub(super) fn build_block(&mut self, height: Height, round: Round) {
        if height != self.tip.height + 1 {
            return;
        }
        let parameters = &self.tip.genesis.parameters;
        let limits = BlockLimits {
            bytes_max: parameters.block_bytes_max >> round.min(31),
            transactions_max: parameters.block_transactions_max >> round.min(31),
        };
        let inputs = BlockInputs {
            round,
            clock_ms: self.now.wall_ms,
            candidates: self.mempool.candidates(&limits),
            evidence: self.consensus.evidence(height),
            parent_certificate: self.parent_certificate(),
            limits,
        };
        let work = Work::BuildBlock {
            tip: self.tip.clone(),
            inputs,
        };
        self.hand_out(work, Pending::Build(height));
    }

    /// The tip's certificate, with the late precommits that consensus went on collecting.
    fn parent_certificate(&self) -> Option<CommitCertificate> {
        let seen = self.pipeline.certificate.as_ref()?;
        Some(self.consensus.late_certificate(seen))
    }

    /// Consensus decided a block.
    pub(super) fn decided(&mut self, hash: BlockHash, certificate: CommitCertificate) {
        if certificate.height != self.tip.height + 1 {
            return;
        }
        if let Err(reason) = self.trust.check(certificate.height, hash) {
            return self.halt(reason);
        }
        self.pipeline.decided = Some((hash, certificate));
        if self.blocks.raw(&hash).is_none() {
            self.want_body(hash, None);
        }
        self.commit_if_decided();
    }

    /// Commits the decided block if it has been executed.
    pub(super) fn commit_if_decided(&mut self) {
        let Some((hash, certificate)) = self.pipeline.decided.clone() else {
            return;
        };
        let height = certificate.height;
        if let Some(reason) = self.blocks.invalid(&hash).map(str::to_owned) {
            if self.old_keys_certified(height, &reason) {
                self.pipeline.decided = None;
                return;
            }
            return self.halt(HaltReason::Divergence { height, reason });
        }
        if let Some(block) = self.blocks.valid(&hash) {
            self.commit(block, certificate, false);
        }
    }

    /// Advances the tip and sends the block to disk.
    fn commit(&mut self, block: Arc<ExecutedBlock>, certificate: CommitCertificate, synced: bool) {
        let warning = self.trust.go_on(&self.tip, self.now.wall_ms);
        self.out
            .extend(warning.map(|words| Action::Event(Event::Warning(words))));
        let header = &block.block.header;
        let event = Event::Final {
            height: header.height,
            block: block.hash,
            time_ms: header.time_ms,
            state_root: header.state_root,
            transactions: block.transaction_ids(),
            signed: certificate.signatures.len(),
            validators: self.tip.validators.members().len(),
            synced,
        };
        let punished = block.block.evidence.iter().map(Evidence::key);
        let punished: Vec<_> = punished.collect();
        if synced {
            self.pipeline.fetched = Some(self.now.instant);
        }
        self.count_missed(&block);
        self.pipeline.punished |= !punished.is_empty();
        if !punished.is_empty() {
            self.tell_consensus(consensus::Input::Punished(punished));
        }
        self.tell_certified(&block, &certificate);
        self.tip = self.tip.child(&block.executed, header);
        self.pipeline.decided = None;
        self.pipeline.certificate = Some(certificate.clone());
        self.pipeline.committing.push_back(Announcement {
            height: header.height,
            event,
        });
        let touched = &block.executed.touched;
        self.recent.extend(header.height, touched);
        self.waiting_after_block(touched, &block.transaction_ids());
        self.out.push(Action::Commit { block, certificate });
    }

    /// Shows consensus who signed a block, and its parent with the precommits that came late.
    fn tell_certified(&mut self, block: &ExecutedBlock, certificate: &CommitCertificate) {
        let parent = block.block.parent_certificate.as_ref();
        let parent = parent.map(|carried| (&self.tip.signed_by, carried));
        let own = (&self.tip.validators, certificate);
        let certified = parent.into_iter().chain([own]);
        let certified = certified.map(|(validators, certificate)| consensus::Input::Certified {
            validators: Arc::clone(validators),
            certificate: certificate.clone(),
        });
        for input in certified.collect::<Vec<_>>() {
            self.tell_consensus(input);
        }
    }

    /// A block is on disk: it may be spoken of now.
    pub(super) fn committed(&mut self, height: Height, view: Arc<dyn View>) {
        while let Some(first) = self.pipeline.committing.front() {
            if first.height > height {
                break;
            }
            if let Some(announcement) = self.pipeline.committing.pop_front() {
                self.out.push(Action::Event(announcement.event));
            }
        }
        if self.tip.height == height {
            self.tip.state = self.tip.state.settled(view);
            self.settled = self.tip.clone();
            let head = starling_gossip::Input::Head {
                height,
                hash: self.tip.hash,
            };
            self.tell_gossip(head);
            self.start_height();
            let punished = std::mem::take(&mut self.pipeline.punished);
            self.look_up_standing(punished);
            self.check_next_range();
        }
    }

    /// Gossip fetched blocks that follow the tip.
    pub(super) fn range_came(&mut self, peer: PeerId, from: Height, blocks: Vec<Arc<[u8]>>) {
        if self.pipeline.ranges.len() < RANGES_MAX {
            self.pipeline.ranges.push_back((peer, from, blocks));
        } else {
            self.drops.count(Dropped::RangeQueueFull);
        }
        self.check_next_range();
    }

    /// Hands out the check of the next range, when the tip has settled.
    fn check_next_range(&mut self) {
        if self.pipeline.checking || !self.pipeline.committing.is_empty() {
            return;
        }
        let Some((peer, from, mut blocks)) = self.pipeline.ranges.pop_front() else {
            return;
        };
        let known = (self.tip.height + 1).saturating_sub(from);
        let known = usize::try_from(known)
            .unwrap_or(usize::MAX)
            .min(blocks.len());
        blocks.drain(..known);
        self.pipeline.checking = true;
        let work = Work::CheckRange {
            tip: self.tip.clone(),
            blocks,
        };
        self.hand_out(work, Pending::Range(peer, from));
    }

    /// A worker checked a range: what is right is committed, what is wrong is the neighbour's
    /// fault.
    pub(super) fn range_checked(
        &mut self,
        (peer, from): (PeerId, Height),
        blocks: Vec<(ExecutedBlock, CommitCertificate)>,
        refused: Option<RangeError>,
    ) {
        self.pipeline.checking = false;
        for (block, certificate) in blocks {
            let height = block.block.header.height;
            if height == self.tip.height + 1 {
                if let Err(reason) = self.trust.check(height, block.hash) {
                    return self.halt(reason);
                }
                self.commit(Arc::new(block), certificate, true);
            }
        }
        let (fault, doubt) = match refused {
            None => (None, None),
            Some(RangeError::Certified(error)) => match self.certified_but_refused(&error) {
                Ok(fault) => (Some(fault), None),
                Err(reason) => return self.halt(reason),
            },
            Some(RangeError::OtherParent(signed)) => (None, Some(signed)),
            Some(error) => {
                let reason = error.to_string();
                (Some(PeerFault::InvalidRange { reason }), None)
            }
        };
        let ok_up_to = self.tip.height;
        let input = starling_gossip::Input::RangeChecked {
            peer,
            from,
            ok_up_to,
            fault,
        };
        self.tell_gossip(input);
        if let Some(signed) = doubt {
            // One that was checked on an earlier tip contradicts that, and proves nothing here.
            let signed = signed.filter(|signed| signed.0.height == self.tip.height + 1);
            let evidence = signed.map(|signed| self.conflict_with_tip(*signed));
            self.doubt_parent(peer, evidence);
        }
        self.check_next_range();
    }

    /// Validators vouch for a block that this node refuses, or the store cannot be read. Where
    /// their word no longer counts, it is the neighbour's fault: else keys of long ago could stop
    /// everybody.
    fn certified_but_refused(&mut self, error: &BlockError) -> Result<PeerFault, HaltReason> {
        let (height, reason) = (self.tip.height + 1, error.to_string());
        if !error.is_deterministic() {
            return Err(HaltReason::Storage { reason });
        }
        match self.old_keys_certified(height, &reason) {
            true => Ok(PeerFault::OtherChain { height }),
            false => Err(HaltReason::Divergence { height, reason }),
        }
    }

    /// Says whether validators who certified what does not apply are those of a tip so old that
    /// their word counts no more.
    fn old_keys_certified(&mut self, height: Height, reason: &str) -> bool {
        let is_old = !self.trust.counts(self.tip.time_ms, self.now.wall_ms);
        if is_old {
            let what = format!("block {height} is certified but does not apply here: {reason}");
            self.tell_of_old_keys(&what);
        }
        is_old
    }

    /// The contradiction of a certified block that names another parent than our tip.
    fn conflict_with_tip(&self, (other, certificate): SignedHeader) -> Box<Conflict> {
        Box::new(Conflict {
            trusted: self.tip.header.clone(),
            trusted_certificate: self.pipeline.certificate.clone(),
            other,
            certificate,
        })
    }
}
