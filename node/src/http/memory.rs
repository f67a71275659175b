//! Memory of this process, for status and metrics.

use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::site::Site;
use crate::memory::Part;

type Labels = Vec<(&'static str, String)>;
type Level = Gauge<u64, AtomicU64>;

/// What stands under `starling_memory_…`.
#[derive(Default)]
pub(super) struct MemoryMetrics {
    limit: Level,
    resident: Level,
    parts: Family<Labels, Level>,
    used: Family<Labels, Level>,
}

impl MemoryMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let limit = "What the node may take, as set by memory_mib";
        registry.register("memory_limit_bytes", limit, self.limit.clone());
        let resident = "What is resident";
        registry.register("memory_resident_bytes", resident, self.resident.clone());
        let parts = "The most that each part of the memory takes";
        registry.register("memory_part_bytes", parts, self.parts.clone());
        let used = "What a part takes now, where it is counted";
        registry.register("memory_used_bytes", used, self.used.clone());
    }

    pub(super) fn take(&self, site: &Site) {
        let plan = site.handle.about().memory;
        self.limit.set(u64::from(plan.mib()) << 20);
        self.resident.set(resident_bytes().unwrap_or_default());
        for part in Part::ALL {
            set(&self.parts, part, plan.bytes(part));
        }
        for (part, bytes) in [
            (Part::HttpAnswers, site.answers.taken_bytes()),
            (Part::HttpEvents, site.replays.taken_bytes()),
        ] {
            set(&self.used, part, bytes);
        }
    }
}

fn set(family: &Family<Labels, Level>, part: Part, bytes: usize) {
    let labels = vec![("part", part.name().to_owned())];
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    family.get_or_create(&labels).set(bytes);
}

/// Returns how much of this process is in memory; `None` where the system does not tell.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_knows_how_much_of_it_is_in_memory() {
        let bytes = super::resident_bytes().unwrap();
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
    }
}
