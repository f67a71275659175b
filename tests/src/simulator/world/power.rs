//! Nodes start and lose power, the network is cut, and in the end all faults end.

use std::time::Duration;

use starling_gossip::Instant;

use super::World;
use crate::simulator::config::Planted;
use crate::simulator::faults::Fault;
use crate::simulator::oracles::Breach;
use crate::simulator::queue::Event;

impl World {
    /// Starts a node from its disk.
    pub(super) fn start(&mut self, index: usize) -> Result<(), Breach> {
        let seed = self.machines.number();
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.life.is_none()) else {
            return Ok(());
        };
        let refused =
            |what| Breach::new("O9", format!("node {} does not start: {what}", index + 1));
        let (tip, actions) = node.start(self.now, &self.setting, seed).map_err(refused)?;
        self.oracles.reads.started(index, tip, node.committed)?;
        self.oracles.waiting.started(index);
        node.committed = tip;
        let waiting = node.life.as_ref().map(|life| life.core.waiting());
        self.oracles.started(index, &waiting.unwrap_or_default())?;
        let Some(node) = self.nodes.get_mut(index) else {
            return Ok(());
        };
        // From the second life on: a guard that never knew of anything makes a node careful.
        if self.config.planted == Some(Planted::LogNotSynced) && node.id.life > 1 {
            node.files.lie();
        }
        if self.config.planted == Some(Planted::SubmissionsNotSynced) {
            node.waiting.lie();
        }
        let id = node.id;
        self.trace.note((self.now, index), "start", tip, &[]);
        self.trace
            .say(self.now, Some(index), || format!("starts at height {tip}"));
        self.carry_out(id, actions)
    }

    /// Takes the power of a node.
    pub(super) fn crash(&mut self, index: usize, down: Duration) {
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.life.is_some()) else {
            return;
        };
        node.crash(&mut self.machines);
        self.report.crashes += 1;
        self.trace.note((self.now, index), "crash", 0, &[]);
        self.trace.say(self.now, Some(index), || {
            format!("crashes for {} ms", down.as_millis())
        });
        self.drop_links_of(index);
        self.queue.push(self.now + down, Event::Restart(index));
    }

    /// Stops a node in good order.
    fn stop(&mut self, index: usize, down: Duration) {
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.life.is_some()) else {
            return;
        };
        let waiting = node.stop(&mut self.machines);
        self.oracles.promises.stopped(index, &waiting);
        self.report.stops += 1;
        self.trace.note((self.now, index), "stop", 0, &[]);
        self.trace.say(self.now, Some(index), || {
            format!("stops for {} ms", down.as_millis())
        });
        self.drop_links_of(index);
        self.queue.push(self.now + down, Event::Restart(index));
    }

    /// Something may break.
    pub(super) fn break_something(&mut self) -> Result<(), Breach> {
        if !self.faulty {
            return Ok(());
        }
        let pause = self.faults.pause();
        self.queue.push(self.now + pause, Event::Fault);
        let seconds = self.now.since(Instant::START).as_secs();
        match self.faults.next(self.oracles.chain.height(), seconds) {
            None => {}
            Some(Fault::Crash(nodes)) => {
                let at_once = nodes.len() > 1 || self.machines.percent(40);
                for (index, down) in nodes {
                    if at_once {
                        self.crash(index, down);
                    } else {
                        self.ambushes.insert(index, down);
                    }
                }
            }
            Some(Fault::Stop(nodes)) => {
                for (index, down) in nodes {
                    self.stop(index, down);
                }
            }
            Some(Fault::Wipe(index, down)) => {
                self.crash(index, down);
                if let Some(node) = self.nodes.get_mut(index) {
                    let refused = |what| Breach::new("setup", what);
                    node.wipe(&self.setting).map_err(refused)?;
                }
                self.oracles.reads.wiped(index);
                self.oracles.promises.wiped(index);
                self.trace
                    .say(self.now, Some(index), || "loses its disk".to_owned());
            }
            Some(Fault::Cut {
                number,
                side,
                stops,
                lasts,
            }) => {
                self.trace.say(self.now, None, || {
                    format!("cut {number}: {side:?}, {stops:?}")
                });
                self.queue.push(self.now + lasts, Event::Heal(number));
                self.cut(number, side, stops, lasts);
            }
            Some(Fault::Break) => self.break_link(),
        }
        Ok(())
    }

    /// From now on nothing breaks; who is without power gets it back.
    pub(super) fn end_faults(&mut self) {
        self.faulty = false;
        self.ambushes.clear();
        self.network.calm();
        self.trace.say(self.now, None, || "faults end".to_owned());
        for index in 0..self.nodes.len() {
            let at = self.now + self.machines.millis(0, 500);
            self.queue.push(at, Event::Restart(index));
        }
    }
}
