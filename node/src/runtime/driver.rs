//! The task that owns the core: feeds it inputs and carries out its actions.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use starling_gossip::drops::Drops;
use starling_gossip::link::{Direction, LinkId, SendError};
use starling_gossip::transport::{Transport, TransportEvent, TransportEvents};
use starling_gossip::{Instant, Lane, PeerId};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::sync::oneshot;

use super::RuntimeError;
use super::address_file::AddressFile;
use super::clock::Clock;
use super::consensus_log::{LogSender, Logged};
use super::disk::{Disk, DiskResult};
use super::fork_file;
use super::handle::{NodeHandle, NumberedRequest};
use super::mempool_files::{Dump, Kept, Submissions};
use super::names::{Found, Names};
use super::ranges::{self, Ranges};
use super::snapshots::Snapshots;
use super::workers::Workers;
use crate::core::{Action, Answer, Core, HaltReason, Input, RequestId, WorkId};
use crate::drops::Dropped;
use crate::work::WorkResult;

/// How often the status is published while no block comes. Our choice: a person sees no delay.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);

/// Owns the core.
pub(super) struct Driver {
    pub(super) core: Core,
    pub(super) clock: Clock,
    pub(super) transport: Transport,
    pub(super) disk: Disk,
    pub(super) workers: Workers,
    pub(super) log: LogSender,
    pub(super) submissions: Submissions,
    pub(super) handle: NodeHandle,
    /// Inputs that arose while actions were carried out.
    pub(super) at_once: VecDeque<Input>,
    /// Links that this node dialed, at most as many as the transport has.
    pub(super) dialed: BTreeMap<LinkId, SocketAddr>,
    /// What neighbours asked for and have not got yet.
    pub(super) ranges: Ranges,
    /// What was left out here.
    pub(super) drops: Drops<Dropped>,
    /// When the status was last published.
    pub(super) published: Option<(u64, Instant)>,
    /// Told of every height that settles.
    pub(super) snapshots: Snapshots,
    /// Where evidence is left.
    pub(super) folder: PathBuf,
    /// Peers by host name.
    pub(super) names: Names,
    /// Where peers were reached.
    pub(super) addresses: AddressFile,
}

/// Where inputs come from.
pub(super) struct Inboxes {
    pub(super) logged_inbox: UnboundedReceiver<Logged>,
    pub(super) kept_inbox: UnboundedReceiver<Kept>,
    pub(super) disk_inbox: UnboundedReceiver<DiskResult>,
    pub(super) work_inbox: UnboundedReceiver<(WorkId, WorkResult)>,
    pub(super) request_inbox: Receiver<NumberedRequest>,
    pub(super) names_inbox: UnboundedReceiver<Found>,
    pub(super) links: TransportEvents,
}

/// Requests under way and where their answers go.
#[derive(Default)]
struct Waiting {
    next: u64,
    answers: BTreeMap<RequestId, oneshot::Sender<Answer>>,
}

impl Driver {
    /// Runs until `stop` fires or the node must stop; returns the writing of what waits then.
    pub(super) async fn run(
        mut self,
        mut actions: Vec<Action>,
        mut inboxes: Inboxes,
        mut stop: oneshot::Receiver<()>,
    ) -> Result<Dump, RuntimeError> {
        let mut waiting = Waiting::default();
        loop {
            self.carry_out(&mut actions, &mut waiting)?;
            self.publish();
            let Some(input) = self.next(&mut inboxes, &mut stop, &mut waiting).await? else {
                self.keep_addresses();
                let dump = self.submissions.dump(self.core.waiting())?;
                self.transport.close().await;
                return Ok(dump);
            };
            self.core.handle(self.clock.now(), input, &mut actions);
        }
    }

    /// Waits for the next input; `None` when the node is to stop.
    async fn next(
        &mut self,
        inboxes: &mut Inboxes,
        stop: &mut oneshot::Receiver<()>,
        waiting: &mut Waiting,
    ) -> Result<Option<Input>, RuntimeError> {
        // What became durable goes first: votes wait for it.
        if let Ok(logged) = inboxes.logged_inbox.try_recv() {
            return Ok(Some(Input::Logged { id: logged? }));
        }
        if let Some(input) = self.at_once.pop_front() {
            return Ok(Some(input));
        }
        let deadline = self
            .core
            .next_deadline()
            .map(|deadline| self.clock.at(deadline));
        let sleep = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let ranges_wait = !self.ranges.is_empty();
        let input = tokio::select! {
            _ = stop => return Ok(None),
            Some(logged) = inboxes.logged_inbox.recv() => Input::Logged { id: logged? },
            Some(kept) = inboxes.kept_inbox.recv() => Input::Kept { up_to: kept? },
            Some(result) = inboxes.disk_inbox.recv() => {
                if let DiskResult::Read { peer, .. } | DiskResult::Pruned { peer, .. } = &result {
                    self.ranges.was_read(peer);
                }
                on_disk(result)?
            }
            Some((id, result)) = inboxes.work_inbox.recv() => Input::Worked { id, result },
            Some(event) = inboxes.links.next() => {
                self.note_link(&event);
                on_link(event)
            }
            Some(found) = inboxes.names_inbox.recv() => {
                self.at_once.extend(self.names.take(found).into_iter().map(Input::Gossip));
                Input::Wake
            }
            Some(request) = inboxes.request_inbox.recv() => waiting.admit(request),
            () = sleep => Input::Wake,
            () = tokio::time::sleep(ranges::POLL), if ranges_wait => Input::Wake,
        };
        Ok(Some(input))
    }

    /// Says why a link that this node dialed ended, such as to a node of another network. Links of
    /// others are not worth a line each: anybody can open and close them.
    fn note_link(&mut self, event: &TransportEvent) {
        match event {
            TransportEvent::Connected {
                link,
                address,
                direction: Direction::Outbound,
                ..
            } => {
                self.dialed.insert(*link, *address);
            }
            TransportEvent::Disconnected { link, peer, reason } => {
                if let Some(address) = self.dialed.remove(link) {
                    tracing::info!(%peer, "link ended: {reason}");
                    self.names.lost(address);
                }
            }
            TransportEvent::DialFailed { address, .. } => self.names.lost(*address),
            _ => {}
        }
    }

    fn keep_addresses(&mut self) {
        let known = self.core.known_addresses();
        self.addresses.write(self.clock.now().instant, &known);
    }

    fn carry_out(
        &mut self,
        actions: &mut Vec<Action>,
        waiting: &mut Waiting,
    ) -> Result<(), RuntimeError> {
        for action in actions.drain(..) {
            match action {
                Action::Dial { address, peer } => self.dial(address, peer),
                Action::Disconnect { link, reason } => self.transport.disconnect(link, &reason),
                Action::Send { link, lane, bytes } => {
                    if let Err(error) = self.transport.send(link, lane, bytes) {
                        self.drops.count(unsent(lane, error));
                        tracing::debug!(%link, %lane, %error, "a frame was left out");
                    }
                }
                Action::Work { id, work } => require(self.workers.run(id, work), "work")?,
                Action::Commit { block, certificate } => {
                    require(self.disk.commit(block, certificate), "the disk")?;
                }
                Action::Log(write) => require(self.log.write(write), "the consensus log")?,
                Action::Keep(write) => {
                    require(self.submissions.keep(write), "the journal of submissions")?;
                }
                Action::ReadBlocks { peer, from, count } => {
                    // Unanswered, the neighbour asks elsewhere.
                    if !self.ranges.push((peer, from, count)) {
                        self.drops.count(Dropped::RangeRequestDiskBusy);
                    }
                }
                Action::Answer { id, answer } => waiting.answer(id, answer),
                Action::Event(event) => self.handle.announce(event),
                Action::ReadOwn { height } => {
                    require(self.disk.read_own(height), "the disk")?;
                }
                Action::Halt(reason) => return Err(self.halted(reason)),
            }
        }
        self.read_ranges();
        Ok(())
    }

    /// Reads for neighbours that have taken what they were sent before.
    fn read_ranges(&mut self) {
        if self.ranges.is_empty() {
            return;
        }
        let is_free = |peer: &PeerId| ranges::is_free(&self.transport, peer);
        for (peer, from, count) in self.ranges.due(is_free) {
            if !self.disk.read(peer, from, count) {
                self.ranges.was_read(&peer);
                self.drops.count(Dropped::RangeRequestDiskBusy);
            }
        }
    }

    /// Leaves the evidence where it belongs before the node ends.
    fn halted(&self, reason: HaltReason) -> RuntimeError {
        if let HaltReason::Fork(conflict) = &reason {
            let genesis = self.core.settled().genesis_hash;
            match fork_file::write(&self.folder, &genesis, conflict) {
                Ok(path) => tracing::error!(evidence = %path.display(), "two chains"),
                Err(error) => tracing::error!(%error, "two chains, and no evidence kept"),
            }
        }
        RuntimeError::Halted(reason)
    }

    fn dial(&mut self, address: SocketAddr, peer: Option<PeerId>) {
        if let Err(reason) = self.transport.dial(address, peer) {
            let failed = starling_gossip::Input::DialFailed {
                address,
                peer,
                reason,
            };
            self.at_once.push_back(Input::Gossip(failed));
        }
    }

    /// Publishes the status when a block came, and else ten times a second at most.
    fn publish(&mut self) {
        let now = self.clock.now();
        if self.addresses.is_due(now.instant) {
            self.keep_addresses();
        }
        let height = self.core.settled().height;
        let due = |(shown, at): (u64, Instant)| {
            shown != height || now.instant.since(at) >= STATUS_INTERVAL
        };
        if self.published.is_none_or(|(shown, _)| shown != height) {
            self.snapshots.offer(self.core.settled());
        }
        if self.published.is_none_or(due) {
            self.published = Some((height, now.instant));
            let mut status = self.core.status(now);
            status.drops = status.drops + &self.drops();
            self.handle.publish(status, self.core.settled());
        }
    }

    /// Returns what was left out here and in the transport.
    fn drops(&self) -> Drops<Dropped> {
        let mut drops = self.drops.clone();
        let stats = self.transport.stats();
        drops.add(Dropped::FrameLinkEnded, stats.frames_left);
        drops.add(Dropped::ConnectionLimit, stats.turned_away);
        drops.add(Dropped::ConnectionHandshake, stats.handshakes_failed);
        drops
    }
}

impl Waiting {
    fn admit(&mut self, (request, answer): NumberedRequest) -> Input {
        let id = RequestId(self.next);
        self.next += 1;
        self.answers.insert(id, answer);
        Input::Request { id, request }
    }

    fn answer(&mut self, id: RequestId, answer: Answer) {
        if let Some(waiting) = self.answers.remove(&id) {
            // A client that went away no longer waits for its answer.
            let _ = waiting.send(answer);
        }
    }
}

/// Names the place where a frame was not taken for sending.
const fn unsent(lane: Lane, error: SendError) -> Dropped {
    match error {
        SendError::Full | SendError::PoolFull => Dropped::SendQueueFull(lane),
        SendError::NoLink => Dropped::SendLinkEnded,
        _ => Dropped::SendRefused,
    }
}

fn on_disk(result: DiskResult) -> Result<Input, RuntimeError> {
    match result {
        DiskResult::Committed { height, view } => Ok(Input::Committed { height, view }),
        DiskResult::Read { peer, from, blocks } => Ok(Input::BlocksRead { peer, from, blocks }),
        DiskResult::Pruned { peer, from, first } => Ok(Input::BlocksPruned { peer, from, first }),
        DiskResult::ReadOwn { height, own } => Ok(Input::OwnRead { height, own }),
        DiskResult::Failed(error) => Err(error.into()),
    }
}

/// Turns a queue that should never be full, or a thread that should never end, into a stop.
fn require(done: bool, what: &str) -> Result<(), RuntimeError> {
    if done {
        return Ok(());
    }
    Err(std::io::Error::other(format!("{what} does not keep up or has stopped")).into())
}

fn on_link(event: TransportEvent) -> Input {
    use starling_gossip::Input as News;
    Input::Gossip(match event {
        TransportEvent::Connected {
            peer,
            link,
            address,
            direction,
        } => News::Connected {
            peer,
            link,
            address,
            direction,
        },
        TransportEvent::Frame {
            link, lane, bytes, ..
        } => News::Frame { link, lane, bytes },
        TransportEvent::Disconnected { link, reason, .. } => News::Disconnected { link, reason },
        TransportEvent::DialFailed {
            address,
            peer,
            reason,
        } => News::DialFailed {
            address,
            peer,
            reason,
        },
        other => unreachable!("no rule for {other:?}"),
    })
}
