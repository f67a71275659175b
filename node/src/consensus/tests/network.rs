//! The network of the tests: machines, their disks, and links that delay and lose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::message::{ConsensusMessage, Have, RollAnswer, RollCall, RollMessage};
use starling_gossip::{Instant, PeerId};
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::encode;
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::Height;

use super::keyed::{GENESIS, KeyedHash, KeyedSigner, Random, key};
use crate::consensus::guard::{self, GuardState, OwnMessage, SignedStep};
use crate::consensus::timers::Timing;
use crate::consensus::wal::{self, LogEntry, LogRecord};
use crate::consensus::{
    Action, Config, Consensus, ConsensusEvent, ConsensusFault, Doubt, HaltReason, Input, PersistId,
    Recovered, malachite,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Messages lost, of a hundred.
    pub(super) loss_percent: u64,
    /// A machine crashes about once in this many events, and comes back; 0 is never.
    pub(super) crash_one_in: u64,
    /// This machine signs two values for every step.
    pub(super) equivocator: Option<usize>,
    /// The first block proposed at this height is invalid.
    pub(super) invalid_at: Height,
    /// There is nothing to put into blocks.
    pub(super) idle: bool,
}

pub(super) enum Parcel {
    Message(ConsensusMessage),
    Have(Have),
    Roll(RollMessage),
    Body(Height, BlockHash),
}

impl Parcel {
    fn is_of(&self, key: &PublicKey) -> bool {
        match self {
            Self::Message(ConsensusMessage::Vote(one)) => one.vote.validator == *key,
            Self::Message(ConsensusMessage::Proposal(one)) => one.proposal.proposer == *key,
            Self::Message(_) => true,
            _ => false,
        }
    }
}

pub(super) enum Event {
    Deliver {
        from: usize,
        to: usize,
        parcel: Parcel,
    },
    Input {
        to: usize,
        epoch: u32,
        input: Input,
    },
    Written {
        to: usize,
        epoch: u32,
        write: Write,
    },
    Restart(usize),
    Catch,
}

pub(super) struct Write {
    pub(super) id: PersistId,
    pub(super) log: Vec<u8>,
    pub(super) guard: Vec<u8>,
}

/// A machine and its disk.
pub(super) struct Node {
    pub(super) machine: Option<Consensus>,
    pub(super) key: PublicKey,
    pub(super) log: Vec<u8>,
    pub(super) guard: Vec<u8>,
    pub(super) chain: Vec<CommitCertificate>,
    pub(super) bodies: BTreeSet<BlockHash>,
    pub(super) epoch: u32,
    pub(super) cut_off: bool,
    torn: bool,
}

/// The network.
pub(super) struct Network {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    pub(super) set: Arc<ValidatorSet>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) events: Vec<(usize, ConsensusEvent)>,
    pub(super) faults_seen: Vec<(usize, ConsensusFault)>,
    pub(super) halts: Vec<(usize, HaltReason)>,
    pub(super) crashes: u64,
    pub(super) commit_times: Vec<(usize, Height, Instant)>,
    pub(super) faults: Faults,
    pub(super) random: Random,
    queue: BTreeMap<(Instant, u64), Event>,
    pub(super) sequence: u64,
    pub(super) invalid: BTreeSet<BlockHash>,
    pub(super) signed: BTreeMap<(PublicKey, Height, u32, SignedStep), Vec<u8>>,
    pub(super) final_blocks: BTreeMap<Height, BlockHash>,
}

pub(super) fn timing() -> Timing {
    Timing {
        propose: Duration::from_millis(300),
        vote: Duration::from_millis(200),
        step: Duration::from_millis(100),
        idle_block: Duration::from_secs(1),
        min_block: Duration::from_millis(20),
    }
}

fn peer(index: usize) -> PeerId {
    PeerId([u8::try_from(index).unwrap(); 32])
}

impl Network {
    pub(super) fn new(count: usize, seed: u64, faults: Faults) -> Self {
        let member = |index| Validator {
            account: AccountId([u8::try_from(index).unwrap(); 32]),
            key: key(index),
            power: 10,
        };
        let set = ValidatorSet::new((0..count).map(member).collect()).unwrap();
        let node = |index| Node {
            machine: None,
            key: key(index),
            log: Vec::new(),
            guard: GuardState::new(key(index)).encode(),
            chain: Vec::new(),
            bodies: BTreeSet::new(),
            epoch: 0,
            cut_off: false,
            torn: false,
        };
        let mut network = Self {
            now: Instant::START,
            nodes: (0..count).map(node).collect(),
            set: Arc::new(set),
            evidence: Vec::new(),
            events: Vec::new(),
            faults_seen: Vec::new(),
            halts: Vec::new(),
            crashes: 0,
            commit_times: Vec::new(),
            faults,
            random: Random(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            invalid: BTreeSet::new(),
            signed: BTreeMap::new(),
            final_blocks: BTreeMap::new(),
        };
        for index in 0..count {
            network.start(index);
        }
        network.later(500, Event::Catch);
        network
    }

    /// Returns the height that all machines which run have reached.
    pub(super) fn decided(&self) -> usize {
        let honest = |index: &usize| Some(*index) != self.faults.equivocator;
        let running = (0..self.nodes.len()).filter(honest);
        let running = running.filter(|index| !self.nodes[*index].cut_off);
        running
            .map(|index| self.nodes[index].chain.len())
            .min()
            .unwrap_or(0)
    }

    /// Runs until all have decided `height`, or for `limit`.
    pub(super) fn run_to(&mut self, height: usize, limit: Duration) {
        let end = self.now + limit;
        let mut steps_in_place = 0;
        while self.decided() < height {
            let before = self.now;
            if !self.step(end) {
                break;
            }
            steps_in_place = if self.now == before {
                steps_in_place + 1
            } else {
                0
            };
            assert!(
                steps_in_place < 100_000,
                "time stands still at {}",
                self.now
            );
        }
    }

    /// Runs for a while.
    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    fn step(&mut self, end: Instant) -> bool {
        let event = self.queue.keys().next().copied();
        let deadlines = self.nodes.iter().enumerate();
        let wake = deadlines
            .filter_map(|(index, node)| {
                let at = node.machine.as_ref()?.next_deadline()?;
                Some((at.max(self.now), index))
            })
            .min();
        let at = [event.map(|(at, _)| at), wake.map(|(at, _)| at)];
        let Some(at) = at.into_iter().flatten().min().filter(|at| *at <= end) else {
            return false;
        };
        self.now = self.now.max(at);
        if let Some((_, index)) = wake.filter(|(wake, _)| *wake == at) {
            self.input(index, Input::Wake);
        } else if let Some((_, event)) = self.queue.pop_first() {
            self.event(event);
        }
        true
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, parcel } => self.deliver(from, to, parcel),
            Event::Input { to, epoch, input } => {
                if self.nodes[to].epoch == epoch {
                    self.input(to, input);
                }
            }
            Event::Written { to, epoch, write } => {
                if self.nodes[to].epoch == epoch {
                    self.nodes[to].log.extend_from_slice(&write.log);
                    self.nodes[to].guard.extend_from_slice(&write.guard);
                    self.input(to, Input::Persisted { id: write.id });
                } else if !std::mem::replace(&mut self.nodes[to].torn, true) {
                    // The write was under way when the machine crashed: a part of it is there.
                    // Those behind it had not begun, for a write begins when the one before is
                    // synced.
                    self.tear(to, &write);
                }
            }
            Event::Restart(index) => self.start(index),
            Event::Catch => {
                self.catch_up();
                self.later(500, Event::Catch);
            }
        }
        let count = self.nodes.len() as u64;
        if self.faults.crash_one_in > 0 && self.random.below(self.faults.crash_one_in) == 0 {
            let index = usize::try_from(self.random.below(count)).unwrap();
            if self.nodes[index].machine.is_some() {
                self.crash(index);
                let pause = 50 + self.random.below(500);
                self.later(pause, Event::Restart(index));
            }
        }
    }

    fn tear(&mut self, index: usize, write: &Write) {
        let node = &mut self.nodes[index];
        if node.machine.is_some() {
            return;
        }
        let length = write.log.len() + write.guard.len();
        let part = usize::try_from(self.random.below(length as u64 + 1)).unwrap();
        let log = part.min(write.log.len());
        node.log.extend_from_slice(&write.log[..log]);
        node.guard.extend_from_slice(&write.guard[..part - log]);
    }

    /// Ends a machine; what is not on its disk is gone.
    pub(super) fn crash(&mut self, index: usize) {
        self.crashes += 1;
        let node = &mut self.nodes[index];
        node.machine = None;
        node.epoch += 1;
        node.bodies = node
            .chain
            .iter()
            .map(|certificate| certificate.block)
            .collect();
    }

    /// Takes a machine out of the network, or brings it back.
    pub(super) fn cut_off(&mut self, index: usize, cut: bool) {
        self.nodes[index].cut_off = cut;
    }

    /// Starts a machine from its disk.
    pub(super) fn start(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let log = wal::decode(&node.log).expect("only the tail is torn");
        node.torn = false;
        node.log.truncate(log.good_bytes);
        let guard = guard::decode(&node.guard).ok();
        let lost = guard.is_none().then_some(Doubt::GuardMissing);
        if let Some((_, good_bytes)) = &guard {
            node.guard.truncate(*good_bytes);
        }
        let bodies: Vec<_> = log.records.iter().filter_map(body).collect();
        node.bodies
            .extend(bodies.iter().copied().map(|(_, block)| block));
        let config = Config {
            timing: timing(),
            new_engine: malachite::new_engine,
            sign_at_once: false,
            epoch_blocks: 100,
            newborn: true,
            instance: 100 * u64::from(node.epoch) + index as u64,
        };
        let recovered = Recovered {
            log: log.records,
            guard: guard.map(|(state, _)| state),
            doubt: lost,
            stored: None,
        };
        let signer = Arc::new(KeyedSigner(node.key));
        let machine = Consensus::new(
            config,
            Some(signer),
            Arc::new(KeyedHash),
            GENESIS,
            recovered,
        );
        node.machine = Some(machine);
        let height = node.chain.len() as Height + 1;
        let validators = self.set.clone();
        self.input(index, Input::StartHeight { height, validators });
        if let Some(certificate) = self.nodes[index].chain.last().cloned() {
            let validators = self.set.clone();
            let parent = Input::Parent {
                validators,
                certificate,
            };
            self.input(index, parent);
        }
        for other in (0..self.nodes.len()).filter(|other| *other != index) {
            self.input(index, Input::PeerUp(peer(other)));
        }
        self.input(index, Input::WorkToDo(!self.faults.idle));
        for (height, block) in bodies {
            let checked = self.checked(height, block);
            self.input(index, checked);
        }
    }

    /// Gives a machine an input and acts on what it wants.
    pub(super) fn input(&mut self, index: usize, input: Input) {
        let Some(mut machine) = self.nodes[index].machine.take() else {
            return;
        };
        let mut out = Vec::new();
        machine.handle(self.now, input, &mut out);
        self.nodes[index].machine = Some(machine);
        for action in out {
            self.act(index, action);
        }
    }

    fn act(&mut self, index: usize, action: Action) {
        match action {
            Action::Flood { message } => self.flood(index, message),
            Action::FloodRoll { message } => self.flood_roll(index, &message),
            Action::SendTo { peer, message } => {
                self.send(index, usize::from(peer.0[0]), Parcel::Message(message));
            }
            Action::SendHave { peer, have } => {
                self.send(index, usize::from(peer.0[0]), Parcel::Have(have));
            }
            Action::SendBlock {
                peer,
                height,
                block,
            } => self.send(index, usize::from(peer.0[0]), Parcel::Body(height, block)),
            Action::Restream { height, block } => {
                for other in (0..self.nodes.len()).filter(|other| *other != index) {
                    self.send(index, other, Parcel::Body(height, block));
                }
            }
            Action::WantBlock { height, block, .. } => self.want(index, height, block),
            Action::BuildBlock { height, round } => self.build(index, height, round),
            Action::Persist {
                id,
                log,
                bodies,
                guard,
            } => self.persist(index, id, (log, bodies), guard),
            Action::Decided { certificate, .. } => self.commit(index, certificate),
            Action::Penalize { fault, .. } => self.faults_seen.push((index, fault)),
            Action::Halt { reason } => self.halts.push((index, reason)),
            Action::Event(ConsensusEvent::Offence(evidence)) => self.evidence.push(*evidence),
            Action::Event(event) => self.events.push((index, event)),
        }
    }

    /// Sends own messages to all. Messages of others are not passed on, which is harder than
    /// flooding.
    fn flood(&mut self, index: usize, message: ConsensusMessage) {
        let own = self.nodes[index].key;
        let second = match &message {
            ConsensusMessage::Vote(one) if one.vote.validator == own => {
                self.note_signed(index, OwnMessage::Vote(*one));
                let mut vote = one.vote;
                let other = BlockHash(Hash([7; 32]));
                vote.block = vote.block.is_none().then_some(other);
                Some(ConsensusMessage::Vote(
                    vote.sign(&GENESIS, &KeyedSigner(own)),
                ))
            }
            ConsensusMessage::Proposal(one) if one.proposal.proposer == own => {
                self.note_signed(index, OwnMessage::Proposal(*one));
                let mut proposal = one.proposal;
                proposal.block = BlockHash(Hash::of(Context::Block, &[&proposal.block.0.0]));
                let signed = proposal.sign(&GENESIS, &KeyedSigner(own));
                Some(ConsensusMessage::Proposal(signed))
            }
            ConsensusMessage::Vote(_) | ConsensusMessage::Proposal(_) => return,
            _ => None,
        };
        let second = second.filter(|_| self.faults.equivocator == Some(index));
        for other in (0..self.nodes.len()).filter(|other| *other != index) {
            let which = self.random.below(3);
            if let Some(second) = second.clone().filter(|_| which > 0) {
                self.send(index, other, Parcel::Message(second));
            }
            if second.is_none() || which < 2 {
                self.send(index, other, Parcel::Message(message.clone()));
            }
        }
    }

    /// Sends own calls and answers to all, as above.
    fn flood_roll(&mut self, index: usize, message: &RollMessage) {
        let (RollMessage::Call(RollCall { validator, .. }, _)
        | RollMessage::Answer(RollAnswer { validator, .. }, _)) = message;
        if *validator == self.nodes[index].key {
            for other in (0..self.nodes.len()).filter(|other| *other != index) {
                self.send(index, other, Parcel::Roll(message.clone()));
            }
        }
    }

    fn note_signed(&mut self, index: usize, message: OwnMessage) {
        let (height, round, step) = message.place();
        let content = match message {
            OwnMessage::Vote(one) => encode(&one.vote),
            OwnMessage::Proposal(one) => encode(&one.proposal),
        };
        let place = (message.key(), height, round, step);
        let first = self.signed.entry(place).or_insert_with(|| content.clone());
        assert_eq!(*first, content, "machine {index} signed twice: {place:?}");
    }

    pub(super) fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        let lost = self.random.below(100) < self.faults.loss_percent;
        let delay = 5 + self.random.below(30);
        if !lost && !self.nodes[from].cut_off && !self.nodes[to].cut_off {
            self.later(delay, Event::Deliver { from, to, parcel });
        }
    }

    fn deliver(&mut self, from: usize, to: usize, parcel: Parcel) {
        let from = peer(from);
        if self.faults.equivocator == Some(to) && parcel.is_of(&self.nodes[to].key) {
            // It would notice its own second signatures, and stop.
            return;
        }
        match parcel {
            Parcel::Message(message) => self.input(
                to,
                Input::Message {
                    from: Some(from),
                    message,
                },
            ),
            Parcel::Have(have) => self.input(to, Input::Have { from, have }),
            Parcel::Roll(message) => {
                let from = Some(from);
                self.input(to, Input::Roll { from, message });
            }
            Parcel::Body(height, block) => {
                self.nodes[to].bodies.insert(block);
                let input = self.checked(height, block);
                self.input(to, input);
            }
        }
    }

    pub(super) fn checked(&self, height: Height, block: BlockHash) -> Input {
        Input::BlockChecked {
            height,
            block,
            round: 0,
            proposer: self.nodes[0].key,
            valid: !self.invalid.contains(&block),
            timely: true,
        }
    }

    pub(super) fn later(&mut self, milliseconds: u64, event: Event) {
        self.sequence += 1;
        let at = self.now + Duration::from_millis(milliseconds);
        self.queue.insert((at, self.sequence), event);
    }
}

fn body(record: &LogRecord) -> Option<(Height, BlockHash)> {
    match &record.entry {
        LogEntry::Body { block, .. } => Some((record.height, *block)),
        _ => None,
    }
}
