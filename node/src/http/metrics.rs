//! `GET /metrics`: numbers for Prometheus, with their units in their names.
//!
//! Most are read from the status when somebody asks; what happens is counted as the hub hears it.
//!
//! # Limits
//! The time of acceptance is kept for [`WAITING_MAX`] transactions; others do not count for
//! finality.

mod condition;
mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use starling_gossip::Lane;
use starling_gossip::link::Direction;
use starling_gossip::overlay::PeerStatus;
use starling_ledger::transaction::TransactionId;

use condition::Condition;
use machine::Machine;

use super::answer::{failure, respond};
use super::error::RpcError;
use super::memory::MemoryMetrics;
use super::site::Site;
use crate::core::{Answer, Request, RestoreReport, Status};

/// Most transactions on their way whose time is kept: 1 MiB.
const WAITING_MAX: usize = 20_000;
/// The first bucket of finality: 10 ms, doubled up to 82 s.
const FINALITY_FIRST_SECONDS: f64 = 0.01;
const FINALITY_BUCKETS: u16 = 14;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Level = Gauge<u64, AtomicU64>;

/// All metrics of a node.
pub(super) struct Metrics {
    registry: Registry,
    /// What has no prefix.
    process: Registry,
    height: Level,
    round: Level,
    halted: Level,
    present_power: Level,
    total_power: Level,
    best_peer_height: Level,
    syncing: Level,
    uptime_seconds: Level,
    mempool_transactions: Level,
    mempool_bytes: Level,
    condition: Condition,
    machine: Machine,
    peers: Family<Labels, Level>,
    gossip_bytes: Family<Labels, Counter>,
    gossip_frames: Family<Labels, Counter>,
    gossip_duplicates: Counter,
    gossip_faults: Counter,
    dropped: Family<Labels, Counter>,
    ranges_pruned: Counter,
    offences: Counter,
    log_lines_lost: Counter,
    blocks: Counter,
    blocks_fetched: Counter,
    transactions: Counter,
    transactions_left: Family<Labels, Counter>,
    transactions_restored: Family<Labels, Counter>,
    finality: Histogram,
    memory: MemoryMetrics,
    waiting: Mutex<BTreeMap<TransactionId, Instant>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets = exponential_buckets(FINALITY_FIRST_SECONDS, 2.0, FINALITY_BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("starling"),
            process: Registry::default(),
            height: Level::default(),
            round: Level::default(),
            halted: Level::default(),
            present_power: Level::default(),
            total_power: Level::default(),
            best_peer_height: Level::default(),
            syncing: Level::default(),
            uptime_seconds: Level::default(),
            mempool_transactions: Level::default(),
            mempool_bytes: Level::default(),
            condition: Condition::default(),
            machine: Machine::default(),
            peers: Family::default(),
            gossip_bytes: Family::default(),
            gossip_frames: Family::default(),
            gossip_duplicates: Counter::default(),
            gossip_faults: Counter::default(),
            dropped: Family::default(),
            ranges_pruned: Counter::default(),
            offences: Counter::default(),
            log_lines_lost: Counter::default(),
            blocks: Counter::default(),
            blocks_fetched: Counter::default(),
            transactions: Counter::default(),
            transactions_left: Family::default(),
            transactions_restored: Family::default(),
            finality: Histogram::new(buckets),
            memory: MemoryMetrics::default(),
            waiting: Mutex::default(),
        };
        metrics.register_levels();
        metrics.register_counters();
        metrics.memory.register(&mut metrics.registry);
        metrics
    }
}

impl Metrics {
    fn register_levels(&mut self) {
        let levels = [
            (
                "consensus_height",
                "Height of the last final block",
                &self.height,
            ),
            (
                "consensus_round",
                "Round tried at the next height",
                &self.round,
            ),
            (
                "consensus_halted",
                "1 while the network stands still for lack of power",
                &self.halted,
            ),
            (
                "consensus_present_power",
                "Voting power that is heard",
                &self.present_power,
            ),
            (
                "consensus_total_power",
                "Voting power of all",
                &self.total_power,
            ),
            (
                "best_peer_height",
                "Highest block a neighbour claims",
                &self.best_peer_height,
            ),
            ("syncing", "1 while blocks are being fetched", &self.syncing),
            (
                "uptime_seconds",
                "Time since the start of the node",
                &self.uptime_seconds,
            ),
            (
                "mempool_transactions",
                "Transactions that wait",
                &self.mempool_transactions,
            ),
            (
                "mempool_bytes",
                "Bytes of the transactions that wait",
                &self.mempool_bytes,
            ),
        ];
        for (name, help, level) in levels {
            self.registry.register(name, help, level.clone());
        }
        self.registry
            .register("peers", "Neighbours, by who dialed", self.peers.clone());
        self.condition.register(&mut self.registry);
        self.machine.register(&mut self.registry, &mut self.process);
    }

    fn register_counters(&mut self) {
        let counters = [
            (
                "gossip_duplicates",
                "Transactions and messages that came again",
                &self.gossip_duplicates,
            ),
            ("gossip_faults", "Faults of peers", &self.gossip_faults),
            (
                "sync_ranges_pruned",
                "Ranges of blocks that the neighbour asked no longer keeps",
                &self.ranges_pruned,
            ),
            (
                "consensus_offences",
                "Double signatures of validators that were proven",
                &self.offences,
            ),
            (
                "log_lines_lost",
                "Lines of the log that could not be written",
                &self.log_lines_lost,
            ),
            (
                "blocks_final",
                "Blocks that became final since the start",
                &self.blocks,
            ),
            (
                "blocks_fetched",
                "Blocks fetched from neighbours",
                &self.blocks_fetched,
            ),
            (
                "transactions_final",
                "Transactions that became final",
                &self.transactions,
            ),
        ];
        for (name, help, counter) in counters {
            self.registry.register(name, help, counter.clone());
        }
        let bytes = "Bytes of frames, without what the transport adds";
        self.registry
            .register("gossip_bytes", bytes, self.gossip_bytes.clone());
        self.registry
            .register("gossip_frames", "Frames", self.gossip_frames.clone());
        let dropped = "What neighbours sent, asked or were to get and was left out, by why";
        self.registry
            .register("dropped", dropped, self.dropped.clone());
        let left = "Transactions that left the mempool without a block, by why";
        let family = self.transactions_left.clone();
        self.registry.register("transactions_left", left, family);
        let restored = "Transactions that waited before the last stop, by what became of them";
        let family = self.transactions_restored.clone();
        self.registry
            .register("transactions_restored", restored, family);
        let finality = "From acceptance by this node to finality";
        self.registry
            .register("finality_seconds", finality, self.finality.clone());
    }

    /// Blocks fetched from neighbours since the start.
    pub(super) fn blocks_fetched(&self) -> u64 {
        self.blocks_fetched.get()
    }

    /// A validator was seen signing twice.
    pub(super) fn offended(&self) {
        self.offences.inc();
    }

    /// What waited before the last stop was checked again.
    pub(super) fn restored(&self, report: &RestoreReport) {
        let stay = [("waiting", report.waiting), ("held", report.held)];
        let gone = report.gone.iter().map(|(why, count)| (*why, *count));
        for (outcome, count) in stay.into_iter().chain(gone) {
            let labels = vec![("outcome", outcome.to_owned())];
            let counter = self.transactions_restored.get_or_create(&labels);
            counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// A transaction entered the mempool.
    pub(super) fn accepted(&self, id: TransactionId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            // Some never become final: the older half makes room.
            let mut times: Vec<_> = waiting.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(WAITING_MAX / 2);
            let middle = *middle;
            waiting.retain(|_, since| *since > middle);
        }
        waiting.insert(id, Instant::now());
    }

    /// A transaction left the mempool without a block.
    pub(super) fn left(&self, id: TransactionId, code: &'static str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&id);
        drop(waiting);
        let labels = vec![("reason", code.to_owned())];
        self.transactions_left.get_or_create(&labels).inc();
    }

    /// A block became final.
    pub(super) fn finalized(&self, transactions: &[TransactionId], synced: bool) {
        self.blocks.inc();
        if synced {
            self.blocks_fetched.inc();
        }
        self.transactions
            .inc_by(u64::try_from(transactions.len()).unwrap_or(u64::MAX));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for since in transactions.iter().filter_map(|id| waiting.remove(id)) {
            self.finality.observe(since.elapsed().as_secs_f64());
        }
    }

    fn take_status(&self, status: &Status) {
        let consensus = &status.consensus;
        self.height.set(status.height);
        self.round.set(consensus.round.into());
        self.halted.set(consensus.halted_since.is_some().into());
        self.present_power.set(consensus.present_power);
        self.total_power.set(consensus.total_power);
        self.best_peer_height.set(status.best_height);
        self.syncing.set(status.syncing.into());
        self.uptime_seconds.set(status.now.instant.0 / 1_000_000);
        self.mempool_transactions
            .set(saturate(status.mempool_count));
        self.mempool_bytes.set(saturate(status.mempool_bytes));
        let counters = &status.counters;
        for lane in Lane::ALL {
            let totals = [
                ("in", counters.bytes_in[lane], counters.frames_in[lane]),
                ("out", counters.bytes_out[lane], counters.frames_out[lane]),
            ];
            for (direction, bytes, frames) in totals {
                let labels = vec![
                    ("lane", lane.to_string()),
                    ("direction", direction.to_owned()),
                ];
                raise(&self.gossip_bytes.get_or_create(&labels), bytes);
                raise(&self.gossip_frames.get_or_create(&labels), frames);
            }
        }
        let duplicates = counters.transaction_duplicates + counters.message_duplicates;
        raise(&self.gossip_duplicates, duplicates);
        raise(&self.gossip_faults, counters.faults);
        raise(&self.ranges_pruned, counters.ranges_pruned);
        for ((what, why), count) in counters.drops.iter().chain(status.drops.iter()) {
            let labels = vec![("what", what.to_owned()), ("reason", why.to_owned())];
            raise(&self.dropped.get_or_create(&labels), count);
        }
    }

    fn take_peers(&self, peers: &[(PeerStatus, Option<i64>)]) {
        for (name, direction) in [
            ("inbound", Direction::Inbound),
            ("outbound", Direction::Outbound),
        ] {
            let of_direction = peers.iter().map(|(peer, _)| peer);
            let of_direction = of_direction.filter(|peer| peer.direction == direction);
            let distinct: BTreeSet<_> = of_direction.map(|peer| peer.peer).collect();
            let labels = vec![("direction", name.to_owned())];
            self.peers
                .get_or_create(&labels)
                .set(saturate(distinct.len()));
        }
    }
}

/// Answers `GET /metrics`.
pub(super) async fn scrape(State(site): State<Arc<Site>>) -> Response {
    if let Some(status) = site.handle.status() {
        site.metrics.take_status(&status);
        site.metrics.condition.take(&status);
    }
    site.metrics.memory.take(&site);
    raise(&site.metrics.log_lines_lost, site.handle.lost_lines());
    // A core that is too busy to answer leaves the last numbers standing.
    if let Ok(Answer::Peers(peers)) = site.ask(Request::Peers).await {
        site.metrics.take_peers(&peers);
    }
    read_machine(&site).await;
    let mut text = String::new();
    let metrics = &site.metrics;
    let encoded = encode_registry(&mut text, &metrics.process);
    match encoded.and_then(|()| encode(&mut text, &metrics.registry)) {
        Ok(()) => respond(StatusCode::OK, OPEN_METRICS, Body::from(text)),
        Err(error) => failure(&RpcError::internal(error)),
    }
}

/// Reads the disk in a thread that may wait for it.
async fn read_machine(site: &Arc<Site>) {
    let site = Arc::clone(site);
    let read = tokio::task::spawn_blocking(move || {
        site.metrics.machine.take(site.handle.folder());
    });
    // Numbers that cannot be read stay as they were.
    let _ = read.await;
}

/// Sets a counter to a total that is counted elsewhere.
fn raise(counter: &Counter, total: u64) {
    counter.inner().store(total, Ordering::Relaxed);
}

fn saturate(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
