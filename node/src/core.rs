//! The whole node as one state machine: gossip, mempool, consensus and ledger behind one `handle`.
//!
//! A call takes the time and one input and returns actions; nothing else happens. Work above 100 µs
//! and all disk writes leave as actions and come back as inputs.
//!
//! # Order
//! - A block is announced, and the next height begun, only after [`Input::Committed`] says that it
//!   is on disk.
//! - Votes and proposals leave only after [`Input::Logged`]; `consensus` holds them back until
//!   then.
//! - What is submitted here is answered, told and sent to neighbours only after [`Input::Kept`];
//!   our own proposal may hold it before.
//! - The core never reads the store: what transactions read comes with the results of workers, and
//!   later blocks report what they touched.
//!
//! # Limits
//! Bodies of blocks: see `blocks`. Transactions under check: `checks`. Those held back: `hold`.

mod blocks;
mod chain;
mod checks;
mod clocks;
mod forks;
mod hold;
mod io;
mod look;
mod own;
mod restore;
mod route;
mod status;
mod transactions;
mod trust;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::drops::Drops;
use starling_gossip::{Gossip, GossipConfig, Instant, PeerId};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::execution::Tip;
use starling_ledger::keys::{PublicKey, SignatureScheme, Signer};
use starling_ledger::light::Checkpoint;
use starling_ledger::transaction::TransactionId;

use crate::consensus::timers::Timing;
use crate::consensus::{self, Consensus, Recovered, malachite};
use crate::drops::Dropped;
use crate::mempool::{Limits, Mempool};
use crate::names::Names;
use crate::node_state::Standing;
use crate::work::WorkResult;

pub use io::{Action, Answer, Event, HaltReason, Input, LogWrite, Now, Request, RequestId, WorkId};
pub use look::{Counts, StateNews};
pub use own::{KEEPS_MAX, KeepId, KeepWrite, Restored};
pub use restore::RestoreReport;
pub use status::Status;

use blocks::Blocks;
use chain::Pipeline;
use checks::{Checks, RecentAccounts};
use clocks::Clocks;
use forks::Forks;
use hold::Hold;
use look::Look;
use own::Own;
use restore::Restore;
use trust::Trust;

/// How old a network may be for a validator without any memory to be taken for a late start. Our
/// choice: a testnet's validators start within seconds of each other. Who lost its folder that
/// early is known by its signatures in the blocks since the genesis.
const NEWBORN_MS: u64 = 60_000;
/// How long a process may stand still before a validator has to hear the others again. Our choice:
/// some blocks; no replacement is put up that fast.
const STOOD_STILL: Duration = Duration::from_secs(10);

/// What a core is made of.
pub struct CoreConfig {
    /// How it meets its neighbours.
    pub gossip: GossipConfig,
    /// The key it signs votes with, on a validator.
    pub signer: Option<Arc<dyn Signer>>,
    /// How signatures are checked.
    pub scheme: Arc<dyn SignatureScheme>,
    /// A person vouches that nobody else signs with this key: do not watch before signing.
    pub sign_at_once: bool,
    /// Bounds of the mempool.
    pub mempool: Limits,
    /// What log and guard held at the start.
    pub recovered: Recovered,
    /// Drawn for this process; nobody can guess it.
    pub instance: u64,
    /// Bodies of blocks that the log held.
    pub bodies: Vec<Arc<[u8]>>,
    /// The certificate of the tip.
    pub certificate: Option<CommitCertificate>,
    /// A block that a person vouches for; one that is stored already was compared with it.
    pub checkpoint: Option<Checkpoint>,
    /// What waited before the last stop.
    pub restored: Restored,
}

/// The whole node, but for sockets, disks and clocks.
pub struct Core {
    /// The last decided block, which may still be on its way to disk.
    tip: Tip,
    /// The last block on disk: what the outside may be told.
    settled: Tip,
    gossip: Gossip,
    consensus: Consensus,
    mempool: Mempool,
    own: Own,
    restore: Restore,
    blocks: Blocks,
    pipeline: Pipeline,
    forks: Forks,
    trust: Trust,
    checks: Checks,
    hold: Hold,
    recent: RecentAccounts,
    /// Queues of the mempool are being run anew.
    rerunning: bool,
    works: BTreeMap<WorkId, Pending>,
    next_work: u64,
    /// What was left out.
    drops: Drops<Dropped>,
    names: Names,
    clocks: Clocks,
    look: Look,
    counts: Counts,
    /// The key this node votes with, if it has one, and what the ledger says of it.
    validator_key: Option<PublicKey>,
    standing: Standing,
    standing_known: bool,
    /// Neighbours that are up, in order of their ids.
    neighbours: BTreeSet<PeerId>,
    queue: VecDeque<Internal>,
    /// The time of the current call.
    now: Now,
    /// The actions of the current call.
    out: Vec<Action>,
    halted: Option<HaltReason>,
}

/// What a piece of work was handed out for.
enum Pending {
    /// Transactions of a neighbour or of a request.
    Check(checks::Source),
    /// What waits of some senders.
    RunQueues,
    /// What waited before the last stop.
    Restore,
    /// Our own proposal.
    Build(starling_ledger::vote::Height),
    /// A proposed block.
    Execute,
    /// Blocks fetched from a neighbour.
    Range(PeerId, starling_ledger::vote::Height),
    /// A block of a neighbour whose chain may be another one.
    Compare,
    /// What the ledger says of this validator.
    Standing,
}

/// What the nested machines want of each other, handled in order before `handle` returns.
enum Internal {
    Gossip(starling_gossip::Action),
    Consensus(consensus::Action),
}

impl Core {
    /// Makes the core of a node whose chain ends in `tip`, and begins the next height.
    pub fn new(now: Now, tip: Tip, config: CoreConfig, out: &mut Vec<Action>) -> Self {
        let settings = consensus::Config {
            timing: Timing::from(&tip.genesis.parameters),
            new_engine: malachite::new_engine,
            sign_at_once: config.sign_at_once,
            epoch_blocks: tip.genesis.parameters.epoch_blocks,
            newborn: now.wall_ms.saturating_sub(tip.genesis.time_ms) <= NEWBORN_MS,
            instance: config.instance,
        };
        let validator_key = config.signer.as_ref().map(|signer| signer.public_key());
        let (genesis, recovered) = (tip.genesis_hash, config.recovered);
        let consensus = Consensus::new(settings, config.signer, config.scheme, genesis, recovered);
        let mut core = Self {
            gossip: Gossip::new(&config.gossip),
            consensus,
            mempool: Mempool::new(config.mempool),
            own: Own::default(),
            restore: Restore::new(config.restored),
            blocks: Blocks::new(tip.height + 1),
            pipeline: Pipeline::new(config.certificate),
            forks: Forks::default(),
            trust: Trust::new(&tip.genesis, config.checkpoint),
            checks: Checks::default(),
            hold: Hold::default(),
            recent: RecentAccounts::default(),
            rerunning: false,
            works: BTreeMap::new(),
            next_work: 0,
            drops: Drops::default(),
            names: Names::new(&tip.genesis),
            clocks: Clocks::default(),
            look: Look::new(now, tip.height),
            counts: Counts::default(),
            validator_key,
            standing: Standing::default(),
            standing_known: false,
            neighbours: BTreeSet::new(),
            queue: VecDeque::new(),
            now,
            out: Vec::new(),
            halted: None,
            settled: tip.clone(),
            tip,
        };
        core.start_height();
        core.look_up_standing(false);
        for body in config.bodies {
            core.recover_body(body);
        }
        core.wake_restore();
        core.settle();
        out.append(&mut core.out);
        core
    }

    /// Takes one input at `now` and appends what is to be done to `out`.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Action>) {
        if self.halted.is_some() {
            return;
        }
        if self.stood_still(now) {
            self.tell_consensus(consensus::Input::StoodStill);
        }
        self.now = now;
        match input {
            Input::Wake => {}
            Input::Gossip(input) => self.tell_gossip(input),
            Input::Worked { id, result } => self.worked(id, result),
            Input::Committed { height, view } => self.committed(height, view),
            Input::Kept { up_to } => self.kept(up_to),
            Input::Logged { id } => self.tell_consensus(consensus::Input::Persisted { id }),
            Input::BlocksRead { peer, from, blocks } => {
                self.tell_gossip(starling_gossip::Input::Serve { peer, from, blocks });
            }
            Input::BlocksPruned { peer, from, first } => {
                self.tell_gossip(starling_gossip::Input::ServePruned { peer, from, first });
            }
            Input::OwnRead { height, own } => self.own_read(height, own),
            Input::Request { id, request } => self.request(id, request),
        }
        self.wake();
        self.settle();
        out.append(&mut self.out);
    }

    /// Returns when `Input::Wake` is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let nested = [self.gossip.next_deadline(), self.consensus.next_deadline()];
        nested
            .into_iter()
            .flatten()
            .chain(self.blocks.next_deadline())
            .chain(self.restore.next_deadline())
            .chain([self.look.next_deadline()])
            .min()
    }

    /// Returns the last block on disk and its state.
    pub const fn settled(&self) -> &Tip {
        &self.settled
    }

    /// Returns the last decided block and its state: what waits in the mempool applies there.
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Returns what waits for a block.
    pub const fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Says whether a transaction waits: for a block, or for others to go first.
    pub fn is_waiting(&self, id: &TransactionId) -> bool {
        self.mempool.by_id(id).is_some()
            || self.hold.by_id(id).is_some()
            || self.restore.by_id(id).is_some()
    }

    fn wake(&mut self) {
        let now = self.now.instant;
        let due = |deadline: Option<_>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.gossip.next_deadline()) {
            self.tell_gossip(starling_gossip::Input::Wake);
        }
        if due(self.consensus.next_deadline()) {
            self.tell_consensus(consensus::Input::Wake);
        }
        self.fetch_missing_blocks();
        self.refill_checks();
        self.wake_restore();
        self.look();
    }

    /// Says whether the process stood still: it was to be woken long ago, or the wall clock went on
    /// while the other one slept.
    fn stood_still(&self, now: Now) -> bool {
        let passed = now.instant.since(self.now.instant);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let slept_ms = now
            .wall_ms
            .saturating_sub(self.now.wall_ms.saturating_add(passed_ms));
        let overdue = || {
            let due = self.next_deadline();
            due.is_some_and(|due| now.instant.since(due) > STOOD_STILL)
        };
        Duration::from_millis(slept_ms) > STOOD_STILL || passed > STOOD_STILL && overdue()
    }

    /// Carries what the nested machines want of each other until nothing is left.
    fn settle(&mut self) {
        while let Some(internal) = self.queue.pop_front() {
            if self.halted.is_some() {
                return;
            }
            match internal {
                Internal::Gossip(action) => self.on_gossip(action),
                Internal::Consensus(action) => self.on_consensus(action),
            }
        }
        self.tell_left();
    }

    fn tell_gossip(&mut self, input: starling_gossip::Input) {
        let mut actions = Vec::new();
        self.gossip.handle(self.now.instant, input, &mut actions);
        self.queue.extend(actions.into_iter().map(Internal::Gossip));
    }

    fn tell_consensus(&mut self, input: consensus::Input) {
        let mut actions = Vec::new();
        self.consensus.handle(self.now.instant, input, &mut actions);
        self.queue
            .extend(actions.into_iter().map(Internal::Consensus));
    }

    fn hand_out(&mut self, work: crate::work::Work, pending: Pending) -> WorkId {
        let id = WorkId(self.next_work);
        self.next_work += 1;
        self.works.insert(id, pending);
        self.out.push(Action::Work { id, work });
        id
    }

    fn worked(&mut self, id: WorkId, result: WorkResult) {
        let Some(pending) = self.works.remove(&id) else {
            return;
        };
        match (pending, result) {
            (Pending::Check(source), WorkResult::Transactions { height, checked }) => {
                self.checked((id, source), height, checked);
            }
            (Pending::RunQueues, WorkResult::Queues(ran)) => self.queues_ran(ran),
            (Pending::Restore, WorkResult::Transactions { height, checked }) => {
                self.restored(height, checked);
            }
            (
                Pending::Build(height),
                WorkResult::Built {
                    built,
                    round,
                    skipped,
                    refused,
                },
            ) => {
                self.counts.evidence_refused += refused.len() as u64;
                if !refused.is_empty() {
                    self.tell_consensus(consensus::Input::EvidenceRefused(refused));
                }
                self.built((height, round), built, skipped);
            }
            (Pending::Execute, WorkResult::Executed { hash, executed }) => {
                self.executed(hash, executed);
            }
            (Pending::Range(peer, from), WorkResult::Range { blocks, refused }) => {
                self.range_checked((peer, from), blocks, refused);
            }
            (Pending::Standing, WorkResult::Standing(standing)) => self.standing_read(standing),
            (Pending::Compare, WorkResult::Compared(compared)) => self.chains_compared(compared),
            _ => unreachable!("a worker returns the result of the work it was given"),
        }
    }

    fn halt(&mut self, reason: HaltReason) {
        self.halted = Some(reason.clone());
        self.out.push(Action::Halt(reason));
    }
}
