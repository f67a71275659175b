//! How much memory a node takes, in its status.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::memory::{MemoryPlan, PROGRAM_MIB, Part};

/// The memory of a node: what it may take, what it takes, and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryReply {
    /// The setting `memory_mib`.
    pub limit_mib: u32,
    /// What is resident now, in bytes, where the system tells.
    pub resident_bytes: Option<u64>,
    /// What of the setting is not divided, in bytes.
    pub program_bytes: usize,
    /// The most that each part takes, in bytes.
    pub parts_bytes: BTreeMap<&'static str, usize>,
}

impl MemoryReply {
    /// Describes a plan, and how much is resident.
    pub fn new(plan: MemoryPlan, resident_bytes: Option<u64>) -> Self {
        let parts = Part::ALL.into_iter();
        Self {
            limit_mib: plan.mib(),
            resident_bytes,
            program_bytes: PROGRAM_MIB as usize * 1024 * 1024,
            parts_bytes: parts.map(|part| (part.name(), plan.bytes(part))).collect(),
        }
    }
}
