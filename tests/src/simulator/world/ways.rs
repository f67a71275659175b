//! The script of a [`Way`]: who stops, what its disk becomes, and who starts again.

use std::time::Duration;

use starling_ledger::vote::Height;

use super::World;
use crate::simulator::oracles::Breach;
use crate::simulator::queue::Event;
use crate::simulator::ways::{Disk, Way, copy_storage};

/// Blocks before anything happens.
const BEFORE: Height = 3;
/// Blocks that a set-back folder lacks.
const LACKING: Height = 4;
/// How often the script looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long it goes on when all is set up: longer than a watch in quiet takes.
const AFTER: Duration = Duration::from_secs(45);
/// How long a replacement is given to come up. A watch over ten heights is shorter.
const REPLACED: Duration = Duration::from_secs(60);
/// How long the network goes on with as few as it can, and how long at most until the one to whom
/// it happens has proposed.
const NEEDED: Duration = Duration::from_millis(500);
const PROPOSES: Duration = Duration::from_secs(20);
/// How often the script looks for that proposal: seldom enough to be quick, often enough to see it
/// before it is decided.
const GLANCE: Duration = Duration::from_millis(1);
/// Names the cut around a world of the past; the others count from 1.
const CUT: u64 = u64::MAX;

/// How far a script has come.
pub(super) struct Script {
    way: Way,
    victim: usize,
    stage: Stage,
    /// What was copied, node by node.
    disks: Vec<(usize, Disk)>,
    copied_at: Height,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Blocks are made.
    Before,
    /// Disks are copied, and get old.
    Aging,
    /// The network needs the one to whom it happens, which stops at this time, or as soon as others
    /// have voted for what it proposes.
    Needing {
        until: starling_gossip::Instant,
        proposes: bool,
    },
    /// A replacement comes up.
    Replacing(starling_gossip::Instant),
    /// All is set up.
    After,
    Over,
}

impl Script {
    pub(super) const fn new(way: Way, victim: usize) -> Self {
        Self {
            way,
            victim,
            stage: Stage::Before,
            disks: Vec::new(),
            copied_at: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl World {
    /// Goes on with the script.
    pub(super) fn follow_script(&mut self) -> Result<(), Breach> {
        let Some(mut script) = self.script.take() else {
            return Ok(());
        };
        let result = self.follow(&mut script);
        self.script = Some(script);
        let pause = result?;
        if let Some(pause) = pause {
            self.queue.push(self.now + pause, Event::Script);
        }
        Ok(())
    }

    fn follow(&mut self, script: &mut Script) -> Result<Option<Duration>, Breach> {
        let height = self.oracles.chain.height();
        let second = self.nodes.len() - 1;
        match script.stage {
            Stage::Before if height < BEFORE => {}
            Stage::Before => {
                script.copied_at = height;
                script.stage = Stage::Aging;
                if script.way == Way::BesideReplacement {
                    self.cut_power(script.victim);
                } else {
                    self.copy_disks(script)?;
                }
            }
            Stage::Aging if height < script.copied_at + LACKING => {}
            Stage::Aging if script.way == Way::BesideReplacement => {
                script.stage = Stage::Replacing(self.now);
                self.start(second)?;
            }
            // Who watches cannot stand in for the one that stops.
            Stage::Aging if script.way == Way::ForeignLedger && !self.all_sign() => {}
            Stage::Aging if script.way == Way::ForeignLedger => {
                let proposes = self.machines.percent(50);
                let patience = if proposes { PROPOSES } else { NEEDED };
                script.stage = Stage::Needing {
                    until: self.now + patience,
                    proposes,
                };
                self.stop_a_third(script.victim);
                return Ok(Some(GLANCE));
            }
            Stage::Needing { until, proposes }
                if self.now < until && !(proposes && self.is_followed(script.victim)) =>
            {
                return Ok(Some(GLANCE));
            }
            Stage::Aging | Stage::Needing { .. } => {
                script.stage = Stage::After;
                self.put_back(script)?;
                return Ok(Some(AFTER));
            }
            Stage::Replacing(since) => {
                let signs = self.nodes[second].signs();
                if signs && height >= script.copied_at + 3 * LACKING
                    || self.now.since(since) > REPLACED
                {
                    script.stage = Stage::After;
                    self.start(script.victim)?;
                    return Ok(Some(AFTER));
                }
            }
            Stage::After | Stage::Over => {
                script.stage = Stage::Over;
                return Ok(None);
            }
        }
        Ok(Some(LOOK))
    }

    /// The nodes whose disks become old.
    fn aging(&self, script: &Script) -> Vec<usize> {
        let founders = usize::from(self.config.nodes);
        let observers = founders..founders + usize::from(self.config.observers);
        match script.way {
            Way::StaleWorld | Way::LostGuard => observers.chain([script.victim]).collect(),
            _ => vec![script.victim],
        }
    }

    fn copy_disks(&mut self, script: &mut Script) -> Result<(), Breach> {
        for index in self.aging(script) {
            let node = &self.nodes[index];
            let storage = copy_storage(&node.storage).map_err(|error| failing(&error))?;
            let files = node.files.copy();
            script.disks.push((index, Disk { storage, files }));
        }
        Ok(())
    }

    /// Puts the copies where the script wants them, and starts what has them.
    fn put_back(&mut self, script: &mut Script) -> Result<(), Breach> {
        let snapshot = self.machines.percent(50);
        let past: Vec<_> = script.disks.iter().map(|(index, _)| *index).collect();
        let second = self.nodes.len() - 1;
        for (index, disk) in std::mem::take(&mut script.disks) {
            let target = if script.way == Way::OldCopy {
                second
            } else {
                index
            };
            self.stop_if(target, script.way != Way::OldCopy);
            if script.way == Way::LostGuard && index == script.victim {
                let refused = |what| Breach::new("setup", what);
                self.nodes[target].wipe(&self.setting).map_err(refused)?;
            } else {
                let node = &mut self.nodes[target];
                if script.way == Way::ForeignLedger {
                    let refused = |what| Breach::new("setup", what);
                    node.wipe(&self.setting).map_err(refused)?;
                } else {
                    node.storage = disk.storage;
                }
                match snapshot {
                    true => node.files.roll_back(&disk.files),
                    false => node.files = disk.files,
                }
            }
            self.nodes[target].committed = 0;
            self.oracles.reads.wiped(target);
            self.oracles.promises.wiped(target);
            let at = self.now + self.machines.millis(1, 500);
            self.queue.push(at, Event::Restart(target));
        }
        if matches!(script.way, Way::StaleWorld | Way::LostGuard) {
            let side = (0..self.nodes.len()).map(|index| past.contains(&index));
            self.cut(CUT, side.collect(), (true, true), AFTER);
        }
        self.trace.say(self.now, None, || {
            format!("{} with the same file: {snapshot}", script.way)
        });
        Ok(())
    }

    /// Says whether all validators sign.
    fn all_sign(&self) -> bool {
        let founders = usize::from(self.config.nodes);
        self.nodes.iter().take(founders).all(|node| node.signs())
    }

    /// Says whether others have voted for what a node proposes at the height that is open.
    fn is_followed(&self, index: usize) -> bool {
        let signer = self.nodes.get(index).and_then(|node| node.signer.as_ref());
        let open = self.oracles.chain.height() + 1;
        signer.is_some_and(|signer| {
            let key = signer.public_key();
            self.oracles.signing.has_followers(&key, open)
        })
    }

    fn stop_if(&mut self, index: usize, stops: bool) {
        if stops {
            self.cut_power(index);
        }
    }

    /// Stops as many others as the network can lose, until faults end: when the victim stops as
    /// well, its height stays open.
    fn stop_a_third(&mut self, victim: usize) {
        let founders = usize::from(self.config.nodes);
        let others = (0..founders).filter(|index| *index != victim);
        let stopped: Vec<_> = others.take((founders - 1) / 3).collect();
        stopped.into_iter().for_each(|index| self.cut_power(index));
    }

    /// Takes the power of a node, until somebody starts it.
    fn cut_power(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.life.is_some()) else {
            return;
        };
        node.crash(&mut self.machines);
        self.trace.note((self.now, index), "power", 0, &[]);
        self.trace.say(self.now, Some(index), || "stops".to_owned());
        self.drop_links_of(index);
    }
}

fn failing(error: &dyn std::fmt::Display) -> Breach {
    Breach::new("setup", error.to_string())
}
