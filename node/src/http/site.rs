//! What every request of one server shares: the node, what never changes of it, and the bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use starling_ledger::chain::{ChainError, ChainReader};
use starling_ledger::execution::Tip;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use tokio::sync::Semaphore;

use super::budget::Budget;
use super::error::RpcError;
use super::host::{HostName, Hosts};
use super::hub::Hub;
use super::limits::HttpLimits;
use super::memory::resident_bytes;
use super::metrics::Metrics;
use crate::api::{DutyReply, MemoryReply, Names, NodeReply, StatusReply, Surroundings};
use crate::core::{Answer, Request, Status};
use crate::memory::Part;
use crate::runtime::NodeHandle;

/// What is said where a validator's key runs twice.
const SECOND_PROCESS: &str = "another process runs with this validator's key: stop one of them";

/// One server's view of its node.
pub(super) struct Site {
    pub(super) handle: NodeHandle,
    pub(super) genesis: Arc<Genesis>,
    pub(super) genesis_hash: Hash,
    pub(super) names: Arc<Names>,
    /// Where the server listens.
    pub(super) address: SocketAddr,
    /// By which names it is spoken to.
    pub(super) hosts: Hosts,
    pub(super) limits: HttpLimits,
    pub(super) hub: Hub,
    pub(super) metrics: Metrics,
    /// Places among the subscribers.
    pub(super) subscribers: Arc<Semaphore>,
    /// Memory for long answers.
    pub(super) answers: Budget,
    /// Memory for events that are read from disk.
    pub(super) replays: Budget,
    /// Turns to read the chain.
    reads: Arc<Semaphore>,
}

impl Site {
    /// Reads what never changes.
    ///
    /// # Errors
    /// The chain cannot be read, or has not begun.
    pub(super) fn new(
        handle: NodeHandle,
        (address, names): (SocketAddr, Vec<HostName>),
        limits: HttpLimits,
    ) -> io::Result<Self> {
        let genesis = handle
            .chain()
            .read()
            .genesis()
            .and_then(|genesis| genesis.ok_or(ChainError::NoGenesis));
        let genesis = Arc::new(genesis.map_err(io::Error::other)?);
        let memory = handle.about().memory;
        Ok(Self {
            handle,
            genesis_hash: genesis.hash(),
            names: Arc::new(Names::new(&genesis)),
            genesis,
            address,
            hosts: Hosts::new(address, names),
            limits,
            hub: Hub::default(),
            metrics: Metrics::default(),
            subscribers: Arc::new(Semaphore::new(limits.subscribers_max)),
            answers: Budget::new(memory.bytes(Part::HttpAnswers)),
            replays: Budget::new(memory.bytes(Part::HttpEvents)),
            reads: Arc::new(Semaphore::new(limits.reads_max)),
        })
    }

    /// Reads the chain in a thread of its own, when it is its turn.
    ///
    /// # Errors
    /// Those of `work`; unavailable if the turn does not come in time.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &ChainReader) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let turn = Arc::clone(&self.reads).acquire_owned();
        let busy = || RpcError::unavailable("too many requests read the chain; try again");
        let turn = tokio::time::timeout(self.limits.answer_deadline, turn).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let site = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let reader = site.handle.chain().snapshot().map_err(unreadable)?;
            let result = work(&site, &reader);
            drop(turn);
            result
        });
        done.await
            .map_err(|_| RpcError::internal("a read of the chain failed"))?
    }

    /// Asks the core.
    ///
    /// # Errors
    /// Unavailable if the node is stopping or does not answer in time.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, RpcError> {
        let answer = tokio::time::timeout(self.limits.answer_deadline, self.handle.ask(request));
        match answer.await {
            Ok(answer) => answer.map_err(RpcError::unavailable),
            Err(_) => Err(RpcError::unavailable(
                "the node does not answer in time; try again",
            )),
        }
    }

    /// Returns the latest status.
    ///
    /// # Errors
    /// Unavailable in the first moment of a node.
    pub(super) fn status(&self) -> Result<Arc<Status>, RpcError> {
        self.handle.status().ok_or_else(starting)
    }

    /// Returns the last final block with its state, which is not behind what is on disk: whoever
    /// was told that a block is final reads its effects.
    ///
    /// # Errors
    /// Unavailable in the first moment of a node, or if the core does not follow in time.
    pub(super) async fn tip(self: &Arc<Self>) -> Result<Tip, RpcError> {
        let on_disk = |_: &Self, reader: &ChainReader| reader.tip().map_err(unreadable);
        let (height, _) = self.read(on_disk).await?.ok_or_else(starting)?;
        let mut news = self.handle.watch_status();
        let reached = async {
            loop {
                news.mark_unchanged();
                if let Some(tip) = self.handle.tip().filter(|tip| tip.height >= height) {
                    return Ok(tip);
                }
                news.changed().await.map_err(|_| starting())?;
            }
        };
        let reached = tokio::time::timeout(self.limits.answer_deadline, reached).await;
        reached.map_err(|_| RpcError::unavailable("the node does not follow its disk"))?
    }

    /// Describes the node.
    ///
    /// # Errors
    /// Those of [`Site::status`].
    pub(super) fn describe(&self) -> Result<StatusReply, RpcError> {
        let status = self.status()?;
        let about = self.handle.about();
        let node = NodeReply {
            id: self.handle.peer_id().to_string(),
            listen: about.listen.to_string(),
            http: self.address.to_string(),
            validator: about
                .validator_key
                .and_then(|key| status.validators.by_key(&key))
                .map(|(_, member)| self.names.address(member.account)),
            signing: status.consensus.signing() && !status.standing.excluded,
            duty: DutyReply::new(&status),
            second_process: status.consensus.second_process.then_some(SECOND_PROCESS),
            clock_offset_ms: status.clock_offset_ms,
        };
        let around = Surroundings {
            genesis: Arc::clone(&self.genesis),
            genesis_hash: self.genesis_hash.to_string(),
            names: Arc::clone(&self.names),
            node,
            unclean_start: about.unclean_start,
            blocks_fetched: self.metrics.blocks_fetched(),
            memory: MemoryReply::new(about.memory, resident_bytes()),
        };
        Ok(StatusReply::new(&status, around))
    }
}

/// The node has not said anything yet.
fn starting() -> RpcError {
    RpcError::unavailable("the node is starting; try again")
}

/// The store fails; the reason is for the operator, and in the log.
pub(super) fn unreadable(error: impl std::fmt::Display) -> RpcError {
    tracing::error!(%error, "a request could not read the chain");
    RpcError::internal(format!("the chain cannot be read: {error}"))
}
