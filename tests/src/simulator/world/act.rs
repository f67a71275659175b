//! What nodes want done: work, writes, frames, dials; each comes back as an event in virtual time.

use std::time::Duration;

use bytes::Bytes;
use starling_gossip::{Lane, LinkId};
use starling_node::core::{Action, Answer, Event as Told, KeepWrite, LogWrite, RequestId, WorkId};
use starling_node::work::{Work, WorkResult};

use super::World;
use crate::simulator::oracles::{Breach, bounds};
use crate::simulator::queue::{Event, News, NodeId};

impl World {
    /// Carries out the actions of a node in their order.
    pub(super) fn carry_out(&mut self, id: NodeId, actions: Vec<Action>) -> Result<(), Breach> {
        let count = actions.len();
        let decides = |action: &Action| matches!(action, Action::Commit { .. });
        let has_decided = actions.iter().any(decides);
        for action in actions {
            self.act(id, action)?;
        }
        self.set_alarm(id);
        let node = &self.nodes[id.index];
        let Some(life) = &node.life else {
            return Ok(());
        };
        if has_decided {
            self.oracles.waiting.check(id.index, &life.core)?;
        }
        let writes = (node.files.under_way(), node.waiting.under_way());
        bounds::check(id.index, life, writes, count)
    }

    fn act(&mut self, id: NodeId, action: Action) -> Result<(), Breach> {
        match action {
            Action::Dial { address, peer } => {
                self.trace.note(
                    (self.now, id.index),
                    "dial",
                    0,
                    address.to_string().as_bytes(),
                );
                let at = self.now + self.network.delay();
                self.queue.push(
                    at,
                    Event::Dial {
                        from: id,
                        address,
                        peer,
                    },
                );
            }
            Action::Disconnect { link, reason } => self.disconnect(id, link, &reason),
            Action::Send { link, lane, bytes } => self.send(id, link, lane, bytes)?,
            Action::Work { id: work_id, work } => self.work(id, work_id, work),
            Action::Commit { block, certificate } => {
                let height = certificate.height;
                self.trace
                    .note((self.now, id.index), "commit", height, &block.hash.0.0);
                self.oracles.decided(id.index, &block, &certificate)?;
                self.pace.decided(height, self.now);
                let delay = self.machines.micros(500, 8_000);
                let now = self.now;
                let Some(life) = self.nodes[id.index].life.as_mut() else {
                    return Ok(());
                };
                life.commits.push_back((block, certificate));
                life.free_at.0 = life.free_at.0.max(now) + delay;
                let at = life.free_at.0;
                self.tell(at, id, News::Committed);
            }
            Action::Log(write) => self.log(id, &write),
            Action::Keep(write) => self.keep(id, write),
            Action::ReadBlocks { peer, from, count } => {
                let at = self.now + self.machines.micros(200, 3_000);
                self.tell(at, id, News::Read { peer, from, count });
            }
            Action::ReadOwn { height } => {
                let at = self.now + self.machines.micros(200, 3_000);
                self.tell(at, id, News::ReadOwn(height));
            }
            Action::Answer {
                id: request,
                answer,
            } => self.answered(id, request, &answer),
            Action::Event(event) => self.told(id, &event)?,
            Action::Halt(reason) => {
                return Err(Breach::new(
                    "O9",
                    format!("node {} halts: {reason}", id.index + 1),
                ));
            }
        }
        Ok(())
    }

    /// Begins a write to the log, in the midst of which the node may lose power.
    fn log(&mut self, id: NodeId, write: &LogWrite) {
        let node = &mut self.nodes[id.index];
        let bytes = node.files.begin(write);
        self.trace
            .note((self.now, id.index), "log", write.id.0, bytes);
        let delay = self.machines.micros(200, 4_000);
        let now = self.now;
        let Some(life) = node.life.as_mut() else {
            return;
        };
        life.free_at.1 = life.free_at.1.max(now) + delay;
        let at = life.free_at.1;
        self.tell(at, id, News::Logged);
        if let Some(down) = self.ambushes.remove(&id.index) {
            // In the middle of the write, or right after it.
            let wait = self.machines.micros(1, 5_000);
            self.queue.push(now + wait, Event::Crash(id.index, down));
        }
    }

    /// Begins to keep a submission, or puts it behind those that are being kept.
    fn keep(&mut self, id: NodeId, write: KeepWrite) {
        let bytes = &write.transaction.0;
        self.trace
            .note((self.now, id.index), "keep", write.id.0, bytes);
        if self.nodes[id.index].waiting.begin(write) {
            self.sync_submissions(id);
        }
    }

    /// A node answers a client.
    fn answered(&mut self, id: NodeId, request: RequestId, answer: &Answer) {
        self.trace
            .note((self.now, id.index), "answer", request.0, &[]);
        let raw = self.submissions.remove(&request);
        if let (Answer::Submitted { id: accepted, .. }, Some(raw)) = (answer, raw) {
            let promises = &mut self.oracles.promises;
            promises.accepted(id.index, *accepted, &raw);
        }
    }

    /// Computes the result at once; when it comes back, is drawn.
    fn work(&mut self, id: NodeId, work_id: WorkId, work: Work) {
        let kind = match &work {
            Work::CheckTransactions { .. } => "check",
            Work::RunQueues { .. } => "queues",
            Work::BuildBlock { .. } => "build",
            Work::ExecuteBlock { .. } => "execute",
            Work::CheckRange { .. } => "range",
            Work::CompareChains { .. } => "compare",
            Work::ReadStanding { .. } => "standing",
        };
        self.trace.note((self.now, id.index), kind, work_id.0, &[]);
        let Some(life) = self.nodes[id.index].life.as_mut() else {
            return;
        };
        life.works += 1;
        let result = life.worker.run(work);
        let cost = self.cost(&result);
        self.tell(self.now + cost, id, News::Worked(work_id, result));
    }

    /// About what the work costs on a slow machine: 50 µs a signature, and a millisecond or so.
    fn cost(&mut self, result: &WorkResult) -> Duration {
        let items = match result {
            WorkResult::Transactions { checked, .. } => checked.len(),
            WorkResult::Queues(ran) => ran.as_ref().map_or(1, Vec::len),
            WorkResult::Built { .. } | WorkResult::Executed { .. } => 20,
            WorkResult::Range { blocks, .. } => 20 * (blocks.len() + 1),
            WorkResult::Compared(_) => 20,
            WorkResult::Standing(_) => 1,
        };
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.machines.micros(50, 2_000) + Duration::from_micros(items.saturating_mul(50))
    }

    fn send(&mut self, id: NodeId, link: LinkId, lane: Lane, bytes: Bytes) -> Result<(), Breach> {
        if bytes.is_empty() || bytes.len() > lane.frame_bytes_max() {
            let what = format!(
                "node {} sends {} bytes on {lane}",
                id.index + 1,
                bytes.len()
            );
            return Err(Breach::new("O9", what));
        }
        if lane == Lane::Consensus {
            self.oracles.signing.frame(&bytes)?;
        }
        let frames = match &mut self.adversaries[id.index] {
            Some(adversary) => adversary.outgoing(link, lane, bytes),
            None => vec![bytes],
        };
        for bytes in frames {
            self.send_frame(link, lane, bytes);
        }
        Ok(())
    }

    fn told(&mut self, id: NodeId, event: &Told) -> Result<(), Breach> {
        self.oracles.waiting.told(id.index, event)?;
        if let Told::Final { height, synced, .. } = event {
            self.oracles.reads.shown(id.index, *height)?;
            self.report.synced += u64::from(*synced);
        }
        if let Told::Left(left) = event {
            self.oracles.promises.left(id.index, &left.id);
        }
        if let Told::Restored(_) = event {
            let life = self.nodes[id.index].life.as_ref();
            let waiting = life.map_or_else(Vec::new, |life| life.core.waiting());
            self.oracles.remembers(id.index, &waiting)?;
        }
        self.trace
            .say(self.now, Some(id.index), || format!("{event:?}"));
        Ok(())
    }
}
