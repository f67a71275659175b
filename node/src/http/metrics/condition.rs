//! What the metrics say of the node's state, of a validator's work and of clocks.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Labels, Level, raise};
use crate::api::DutyReply;
use crate::core::Status;
use crate::node_state::StateWord;

/// What a validator does, as [`DutyReply`] names it.
const DUTIES: [&str; 6] = [
    "follows",
    "signs",
    "waits",
    "watches",
    "skips_height",
    "excluded",
];

/// The state of the node, its validator's work, and its clock.
#[derive(Default)]
pub(super) struct Condition {
    state: Family<Labels, Level>,
    ready: Level,
    signing: Level,
    excluded: Level,
    jailed: Level,
    second_process: Level,
    duty: Family<Labels, Level>,
    watching: Family<Labels, Level>,
    clock_offset: Gauge<f64, AtomicU64>,
    proposals_refused: Family<Labels, Counter>,
    evidence_refused: Counter,
    blocks_missed: Counter,
}

impl Condition {
    pub(super) fn register(&self, registry: &mut Registry) {
        let levels = [
            ("ready", "1 while /readyz says so", &self.ready),
            (
                "validator_signing",
                "1 while this node signs as a validator",
                &self.signing,
            ),
            (
                "validator_excluded",
                "1 if this validator's key signed twice and never counts again",
                &self.excluded,
            ),
            (
                "validator_jailed",
                "1 while this validator sits out for its absence",
                &self.jailed,
            ),
            (
                "validator_second_process",
                "1 while another process answers with this validator's key",
                &self.second_process,
            ),
        ];
        for (name, help, level) in levels {
            registry.register(name, help, level.clone());
        }
        let families = [
            ("state", "1 for the state of the node", &self.state),
            (
                "validator_duty",
                "1 for what this node does as a validator",
                &self.duty,
            ),
            (
                "validator_watching",
                "1 while this validator watches before it signs, by reason",
                &self.watching,
            ),
        ];
        for (name, help, family) in families {
            registry.register(name, help, family.clone());
        }
        self.register_counts(registry);
    }

    fn register_counts(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "clock_offset",
            "By how much this clock is ahead of the neighbours'",
            Unit::Seconds,
            self.clock_offset.clone(),
        );
        registry.register(
            "proposals_refused",
            "Proposals not voted for when they came, by why",
            self.proposals_refused.clone(),
        );
        registry.register(
            "evidence_refused",
            "Evidence of double signatures for which nobody is punished",
            self.evidence_refused.clone(),
        );
        registry.register(
            "validator_blocks_missed",
            "Blocks that this validator was to sign and did not",
            self.blocks_missed.clone(),
        );
    }

    pub(super) fn take(&self, status: &Status) {
        for word in StateWord::ALL {
            set(&self.state, "state", word.text(), status.state.word == word);
        }
        self.ready.set(status.state.ready.into());
        let duty = DutyReply::new(status);
        for name in DUTIES {
            set(&self.duty, "duty", name, duty.state == name);
        }
        self.signing.set((duty.state == "signs").into());
        self.excluded.set(status.standing.excluded.into());
        self.jailed.set(status.standing.jailed.into());
        self.second_process
            .set(status.consensus.second_process.into());
        self.watching.clear();
        if let Some(reason) = duty.reason {
            set(&self.watching, "reason", reason, true);
        }
        if let Some(ms) = status.clock_offset_ms.and_then(|ms| i32::try_from(ms).ok()) {
            self.clock_offset.set(f64::from(ms) / 1_000.0);
        }
        let counts = &status.counts;
        let refused = [
            ("clock", counts.proposals_early),
            ("invalid", counts.proposals_invalid),
        ];
        for (reason, count) in refused {
            let labels = vec![("reason", reason.to_owned())];
            raise(&self.proposals_refused.get_or_create(&labels), count);
        }
        raise(&self.evidence_refused, counts.evidence_refused);
        raise(&self.blocks_missed, counts.blocks_missed);
    }
}

fn set(family: &Family<Labels, Level>, name: &'static str, value: &str, is: bool) {
    let labels = vec![(name, value.to_owned())];
    family.get_or_create(&labels).set(is.into());
}
