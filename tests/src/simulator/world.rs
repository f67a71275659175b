//! One run: the loop over events, its two phases, and what breaks in the first.

mod act;
mod deliver;
mod links;
mod power;
mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::Instant;
use starling_gossip::drops;
use starling_gossip::input::ConfiguredPeer;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{SignatureScheme, Signer};
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::Height;
use starling_node::core::{Input, Now, Request, RequestId};
use starling_node::drops::Dropped;

use super::adversary::Adversary;
use super::chance::Chance;
use super::config::{Config, Planted};
use super::faults::Faults;
use super::keys::AcceptAll;
use super::load::Load;
use super::network::Network;
use super::node::{Life, Node, Setting, address, consensus_key, peer_id};
use super::oracles::bounds::Spin;
use super::oracles::progress::Recovery;
use super::oracles::{Breach, Oracles, audit};
use super::pace::Pace;
use super::queue::{Event, News, NodeId, Queue};
use super::report::{Failure, Report};
use super::stakers::{Look, Stakers, Staking};
use super::trace::Trace;
use super::ways::Way;
use ways::Script;

/// When the genesis of simulated networks was written, milliseconds since 1970: 2026-01-01.
const GENESIS_MS: u64 = 1_767_225_600_000;
/// How long before a run its genesis was written: too long for who starts with an empty folder to
/// be taken for a late start.
const AGE_MS: u64 = 3_600_000;
/// Most peers a node is told of. Our choice: the number of links it wants.
const PEERS_MAX: usize = 8;

/// Steps for which somebody has signed two values, after which it must be punished: some ten
/// heights.
const OFFENCES_MANY: u64 = 30;
/// How many of 100 submissions are about stake, where stakers act.
const STAKERS_PERCENT: u64 = 40;

/// A network and all that happens to it.
pub struct World {
    config: Config,
    setting: Setting,
    now: Instant,
    queue: Queue,
    network: Network,
    nodes: Vec<Node>,
    adversaries: Vec<Option<Box<dyn Adversary>>>,
    spins: Vec<Spin>,
    load: Load,
    stakers: Stakers,
    faults: Faults,
    /// Delays of disks and workers, and what survives a crash.
    machines: Chance,
    /// What happens to one validator.
    script: Option<Script>,
    /// Nodes that lose power at their next write to the log, each for how long.
    ambushes: BTreeMap<usize, Duration>,
    /// What clients submitted and was not answered.
    submissions: BTreeMap<RequestId, RawTransaction>,
    /// Whether faults go on.
    faulty: bool,
    oracles: Oracles,
    trace: Trace,
    pace: Pace,
    report: Report,
}

impl World {
    /// Makes the network of `config`; its nodes have not started.
    ///
    /// # Errors
    /// What the product says of the genesis.
    pub fn new(config: Config) -> Result<Self, Breach> {
        let refused = |what: String| Breach::new("setup", what);
        let mut genesis = Genesis::local("sim", GENESIS_MS, config.nodes);
        let scheme = config.signatures.scheme();
        let second = config.way.is_some_and(Way::has_second);
        let known = usize::from(config.nodes) + usize::from(config.observers);
        let count = known + usize::from(second);
        let keyed = match config.staking {
            Staking::Off => usize::from(config.nodes),
            _ => known,
        };
        let signers: Vec<Arc<dyn Signer>> = (0..keyed)
            .map(|index| config.signatures.signer(consensus_key(index)))
            .collect();
        let mut stakers = Stakers::new(&config, &signers, &mut genesis);
        let load = Load::new(config.seed, config.signatures, &mut genesis);
        stakers.join(genesis.hash());
        let honest = signers.iter().skip(config.adversaries.len());
        let honest = honest.map(|signer| signer.public_key()).collect();
        let accounts = stakers.accounts();
        let oracles = Oracles::new(&genesis, &scheme, honest, accounts).map_err(refused)?;
        let setting = setting(&config, (genesis, scheme), count);
        let hash = setting.genesis.hash();
        let adversaries = (0..count).map(|index| {
            let (role, signer) = config.adversaries.get(index).zip(signers.get(index))?;
            Some(role.adversary((config.seed, index), Arc::clone(signer), hash))
        });
        let adversaries = adversaries.collect();
        let mut machines = Chance::new(config.seed, "machines");
        let founders = usize::from(config.nodes);
        let victim = Chance::new(config.seed, "victim").position(founders);
        let mut nodes = Vec::new();
        for index in 0..count {
            let key = if index == known { victim } else { index };
            let signer = signers.get(key).cloned();
            let mut node = Node::new(index, &setting, signer).map_err(refused)?;
            let skew = i64::try_from(machines.between(0, 2 * config.skew_ms)).unwrap_or_default();
            node.skew_ms = skew - i64::try_from(config.skew_ms).unwrap_or_default();
            nodes.push(node);
        }
        Ok(Self {
            now: Instant::START,
            queue: Queue::default(),
            network: Network::new(&config),
            spins: vec![Spin::default(); nodes.len()],
            nodes,
            adversaries,
            load,
            stakers,
            faults: Faults::new(&config),
            machines,
            script: config.way.map(|way| Script::new(way, victim)),
            ambushes: BTreeMap::new(),
            submissions: BTreeMap::new(),
            faulty: true,
            oracles,
            trace: Trace::new(config.verbose),
            pace: Pace::default(),
            report: Report::default(),
            setting,
            config,
        })
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first oracle that did not hold.
    pub fn run(&mut self) -> Result<Report, Breach> {
        let second = self.config.way.is_some_and(Way::has_second);
        for index in 0..self.nodes.len() - usize::from(second) {
            let follows = index >= usize::from(self.config.nodes);
            let latest_ms = match (follows, self.config.staking) {
                (false, _) => 500,
                (true, Staking::Off) => 10_000,
                // Some begin with the network, and some have to watch before they may sign.
                (true, _) => 1_000,
            };
            let at = self.now + self.machines.millis(0, latest_ms);
            self.queue.push(at, Event::Restart(index));
        }
        self.queue.push(self.now, Event::Load);
        self.queue.push(self.now, Event::Fault);
        self.queue.push(self.now, Event::Script);
        let story = if self.script.is_some() { 240 } else { 0 };
        let limit = Duration::from_secs(60 + 3 * self.config.heights + story);
        while !self.first_phase_is_over(limit) {
            self.step()?;
        }
        self.report.mean_ms = self.pace.mean_ms();
        self.report.longest_ms = self.pace.longest_ms();
        self.report.latest_ms = self.pace.latest_ms();
        self.end_faults();
        self.recover()?;
        self.finish()
    }

    fn first_phase_is_over(&self, limit: Duration) -> bool {
        let reached = self.oracles.chain.height() >= self.config.heights;
        let told = self.script.as_ref().is_none_or(Script::is_over);
        (reached && self.faults.are_spent() && told) || self.now.since(Instant::START) > limit
    }

    fn step(&mut self) -> Result<(), Breach> {
        let Some((at, event)) = self.queue.pop() else {
            return Err(Breach::new("O10", "nothing is left to happen".to_owned()));
        };
        self.now = at;
        self.report.events += 1;
        match event {
            Event::Node(id, news) => self.deliver(id, news),
            Event::Dial {
                from,
                address,
                peer,
            } => {
                self.dialed(from, address, peer);
                Ok(())
            }
            Event::Load => self.act_for_clients(),
            Event::Fault => self.break_something(),
            Event::Script => self.follow_script(),
            Event::Heal(number) => {
                self.trace
                    .say(self.now, None, || format!("cut {number} heals"));
                self.network.heal(number);
                Ok(())
            }
            Event::Crash(index, down) => {
                if self.faulty {
                    self.crash(index, down);
                }
                Ok(())
            }
            Event::Restart(index) => self.start(index),
        }
    }

    /// The second phase: waits until all honest nodes have caught up and gone on.
    fn recover(&mut self) -> Result<(), Breach> {
        let from = self.oracles.chain.height();
        let (since, recovery) = (self.now, Recovery::new(self.now, from));
        let mut resumed = false;
        loop {
            self.step()?;
            if !resumed && self.oracles.chain.height() > from {
                resumed = true;
                let took = self.now.since(since).as_millis();
                self.report.resumed_ms = u64::try_from(took).unwrap_or(u64::MAX);
            }
            let heights = self.honest_heights();
            if recovery.is_done(&heights) {
                return Ok(());
            }
            recovery.check(self.now, &heights)?;
        }
    }

    fn finish(&mut self) -> Result<Report, Breach> {
        for node in &self.nodes {
            if let Some(life) = &node.life {
                audit::audit(&self.oracles, node.id.index, &life.chain)?;
                self.oracles
                    .remembers(node.id.index, &life.core.waiting())?;
            }
        }
        self.check_punishment()?;
        let mut report = self.report.clone();
        report.height = self.oracles.chain.height();
        report.end = self.now;
        report.transactions = self.oracles.chain.transactions().len();
        report.rounds_above_0 = self.oracles.chain.rounds_above_0();
        report.promises_kept = self.oracles.promises.restarts();
        report.staking = self.oracles.staking.figures();
        report.trace = self.trace.hash();
        report.bodies_dropped = self.bodies_dropped();
        Ok(report)
    }

    /// Counts what nodes left out of bodies in their last lives.
    fn bodies_dropped(&self) -> u64 {
        let lives = self.nodes.iter().filter_map(|node| node.life.as_ref());
        let of_life = |life: &Life| {
            let wall_ms = self.setting.genesis.time_ms;
            let instant = self.now;
            let status = life.core.status(Now { instant, wall_ms });
            let requests = status.counters.drops[drops::Dropped::BodyRequestOverBudget];
            requests + status.drops[Dropped::BodyOverBudget] + status.drops[Dropped::BodyNoRoom]
        };
        lives.map(of_life).sum()
    }

    /// Whoever has signed two values again and again, and could be punished, was.
    fn check_punishment(&self) -> Result<(), Breach> {
        for (index, adversary) in self.adversaries.iter().enumerate() {
            let offences = adversary.as_ref().map_or(0, |one| one.offences());
            let key = consensus_key(index).public_key();
            if offences >= OFFENCES_MANY && !self.oracles.staking.is_punished(&key) {
                let what = format!(
                    "node {} signed twice {offences} times, unpunished",
                    index + 1
                );
                return Err(Breach::new("BFT-15", what));
            }
        }
        Ok(())
    }

    /// Says how a run failed.
    #[must_use]
    pub fn failure(&self, breach: Breach) -> Failure {
        let heights = self.nodes.iter().map(|node| node.committed).collect();
        Failure {
            config: self.config.clone(),
            breach,
            at: self.now,
            heights,
        }
    }

    fn honest_heights(&self) -> Vec<Height> {
        let honest = self.nodes.iter().skip(self.config.adversaries.len());
        honest.map(|node| node.committed).collect()
    }

    /// A client submits something to a random node.
    fn act_for_clients(&mut self) -> Result<(), Breach> {
        if self.config.load_per_second == 0 {
            return Ok(());
        }
        let mean_us = 1_000_000 / u64::from(self.config.load_per_second);
        let pause = self.machines.micros(0, 2 * mean_us);
        self.queue.push(self.now + pause, Event::Load);
        let stakes = self.config.staking != Staking::Off;
        if stakes && self.machines.percent(STAKERS_PERCENT) {
            return self.act_for_stakers();
        }
        let turn = self.load.turn();
        let index = self.machines.position(self.nodes.len());
        let account = self.oracles.ledger.accounts().get(&turn.account);
        let (next, balance) = account.map_or((0, 0), |account| (account.nonce, account.balance));
        let time_ms = self
            .oracles
            .chain
            .time_ms()
            .max(self.setting.genesis.time_ms);
        let raw = self.load.submission(&turn, (next, balance), time_ms);
        self.submit(index, raw)
    }

    /// Somebody with stake submits something to a random node.
    fn act_for_stakers(&mut self) -> Result<(), Breach> {
        let index = self.machines.position(self.nodes.len());
        let Some(state) = self.oracles.staking.state() else {
            return Ok(());
        };
        let founders = usize::from(self.config.nodes);
        // Else a third of the power could come to be with one that has to watch before it signs:
        // then nothing is agreed on before its watch is over, which O10 does not wait for.
        let mut honest = self.nodes.iter().take(founders);
        if honest
            .any(|node| node.id.index >= self.config.adversaries.len() && !node.files.remembers())
        {
            return Ok(());
        }
        let nodes = self.nodes.iter().enumerate();
        let ready: Vec<_> = nodes
            .map(|(index, node)| index < founders || node.files.remembers())
            .collect();
        let look = Look {
            state,
            height: self.oracles.chain.height(),
            time_ms: self.oracles.chain.time_ms(),
            ready: &ready,
        };
        match self.stakers.act(&look) {
            Some(raw) => self.submit(index, raw),
            None => Ok(()),
        }
    }

    fn submit(&mut self, index: usize, raw: RawTransaction) -> Result<(), Breach> {
        self.report.submitted += 1;
        let id = RequestId(self.report.submitted);
        self.submissions.insert(id, raw.clone());
        let (id, request) = (id, Request::Submit(raw));
        let node = self.nodes.get(index).filter(|node| node.life.is_some());
        match node.map(|node| node.id) {
            Some(node) => self.handle(node, Input::Request { id, request }),
            None => Ok(()),
        }
    }

    /// Puts in news for one life of a node.
    fn tell(&mut self, at: Instant, node: NodeId, news: News) {
        self.queue.push(at, Event::Node(node, news));
    }
}

/// What the `count` nodes of a network share.
fn setting(
    config: &Config,
    (genesis, scheme): (Genesis, Arc<dyn SignatureScheme>),
    count: usize,
) -> Setting {
    let peer = |index| ConfiguredPeer {
        address: address(index),
        peer: Some(peer_id(index)),
    };
    let unchecked = config.planted == Some(Planted::SignaturesUnchecked);
    Setting {
        peers: (0..count.min(PEERS_MAX + 1)).map(peer).collect(),
        checkpoint: None,
        scheme: if unchecked {
            Arc::new(AcceptAll)
        } else {
            scheme
        },
        age_ms: if config.young { 0 } else { AGE_MS },
        genesis,
    }
}
