//! Events reach nodes: news become the inputs that the product's runtime would make of them.

use std::sync::Arc;

use starling_ledger::storage::Storage;
use starling_node::core::Input;

use super::World;
use crate::simulator::config::Planted;
use crate::simulator::node::append;
use crate::simulator::oracles::Breach;
use crate::simulator::queue::{Event, News, NodeId};

impl World {
    /// Delivers news to one life of a node; nothing comes of it if that life is over.
    pub(super) fn deliver(&mut self, id: NodeId, news: News) -> Result<(), Breach> {
        let node = &self.nodes[id.index];
        if node.id != id || node.life.is_none() {
            return Ok(());
        }
        match self.input(id, news)? {
            Some(input) => self.handle(id, input),
            None => Ok(()),
        }
    }

    /// Hands an input to a core, carries out what it wants, and sets its alarm.
    pub(super) fn handle(&mut self, id: NodeId, input: Input) -> Result<(), Breach> {
        let actions = self.nodes[id.index].handle(self.now, &self.setting, input);
        self.carry_out(id, actions)
    }

    /// Turns news into an input; `None` if the core hears nothing of it.
    fn input(&mut self, id: NodeId, news: News) -> Result<Option<Input>, Breach> {
        let index = id.index;
        let life = self.nodes[index].life.as_mut().expect("the caller looked");
        Ok(match news {
            News::Wake => {
                if life.wake_at == Some(self.now) {
                    life.wake_at = None;
                }
                if life.deadline().is_none_or(|deadline| deadline > self.now) {
                    self.set_alarm(id);
                    return Ok(None);
                }
                self.spins[index].woken(index, self.now)?;
                self.trace.note((self.now, index), "wake", 0, &[]);
                Some(Input::Wake)
            }
            News::Link(input) => {
                use starling_gossip::Input as Link;
                match &input {
                    Link::Connected { link, .. } => life.links.insert(*link),
                    Link::Disconnected { link, .. } if !life.links.remove(link) => return Ok(None),
                    _ => true,
                };
                let (at, words) = ((self.now, index), format!("{input:?}"));
                self.trace.note(at, "link", 0, words.as_bytes());
                self.trace.say(self.now, Some(index), || words);
                Some(Input::Gossip(input))
            }
            News::Frame(link, lane, bytes) => {
                if !life.links.contains(&link) {
                    return Ok(None);
                }
                if self.adversaries[index]
                    .as_mut()
                    .is_some_and(|one| !one.hears(lane, &bytes))
                {
                    return Ok(None);
                }
                self.report.frames += 1;
                self.trace
                    .note((self.now, index), lane.name(), link.0, &bytes);
                Some(Input::Gossip(starling_gossip::Input::Frame {
                    link,
                    lane,
                    bytes,
                }))
            }
            News::Worked(id, result) => {
                life.works -= 1;
                self.trace.note((self.now, index), "worked", id.0, &[]);
                Some(Input::Worked { id, result })
            }
            News::Committed => self.committed(index)?,
            News::Logged => self.logged(index)?,
            News::Kept => self.kept(id),
            News::Read { peer, from, count } => {
                let blocks = life.read(from, count);
                let blocks = blocks.map_err(|what| failing(index, &what))?;
                let found = u64::try_from(blocks.len()).unwrap_or(u64::MAX);
                self.trace
                    .note((self.now, index), "read", found, &from.to_le_bytes());
                Some(Input::BlocksRead { peer, from, blocks })
            }
            News::ReadOwn(height) => {
                self.trace.note((self.now, index), "read own", height, &[]);
                let own = life.read_own(height);
                own.map(Some).map_err(|what| failing(index, &what))?
            }
        })
    }

    /// The disk has written the oldest commit.
    fn committed(&mut self, index: usize) -> Result<Option<Input>, Breach> {
        let node = &mut self.nodes[index];
        let life = node.life.as_mut().expect("the caller looked");
        let Some((block, certificate)) = life.commits.pop_front() else {
            return Ok(None);
        };
        append(&life.chain, &block, &certificate).map_err(|what| failing(index, &what))?;
        if self.config.planted != Some(Planted::CommitNotSynced) {
            node.storage.sync();
        }
        let view = Storage::snapshot(node.storage.as_ref());
        let view = view.map_err(|error| failing(index, &error.to_string()))?;
        let height = certificate.height;
        node.committed = height;
        self.trace
            .note((self.now, index), "committed", height, &block.hash.0.0);
        Ok(Some(Input::Committed {
            height,
            view: Arc::clone(&view),
        }))
    }

    /// The disk has written the oldest records of the log.
    fn logged(&mut self, index: usize) -> Result<Option<Input>, Breach> {
        let id = self.nodes[index]
            .files
            .finish()
            .map_err(|what| failing(index, &what))?;
        if let Some(id) = id {
            self.trace.note((self.now, index), "logged", id.0, &[]);
        }
        Ok(id.map(|id| Input::Logged { id }))
    }

    /// The disk has synced what was submitted.
    fn kept(&mut self, id: NodeId) -> Option<Input> {
        let (up_to, another) = self.nodes[id.index].waiting.finish()?;
        self.trace.note((self.now, id.index), "kept", up_to.0, &[]);
        if another {
            self.sync_submissions(id);
        }
        Some(Input::Kept { up_to })
    }

    /// A sync of submissions begins.
    pub(super) fn sync_submissions(&mut self, id: NodeId) {
        let at = self.now + self.machines.micros(200, 4_000);
        self.tell(at, id, News::Kept);
    }

    /// Sees to it that a node is woken at its deadline.
    pub(super) fn set_alarm(&mut self, id: NodeId) {
        let now = self.now;
        let Some(life) = self.nodes[id.index].life.as_mut() else {
            return;
        };
        let Some(deadline) = life.deadline() else {
            return;
        };
        let at = deadline.max(now);
        if life.wake_at.is_none_or(|set| set > at) {
            life.wake_at = Some(at);
            self.queue.push(at, Event::Node(id, News::Wake));
        }
    }
}

fn failing(index: usize, what: &str) -> Breach {
    Breach::new("O9", format!("the disk of node {}: {what}", index + 1))
}
