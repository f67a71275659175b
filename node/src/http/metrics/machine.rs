//! What the metrics say of the process and the disk under it, read when somebody asks.
//!
//! The names of the process are those that Prometheus' own libraries give them, without a prefix.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{Labels, Level};

/// Most folders below the data folder that are added up. Our choice: it has some, of one level.
const FOLDERS_MAX: usize = 64;

/// The process and its disk.
#[derive(Default)]
pub(super) struct Machine {
    resident: Level,
    open_fds: Level,
    start_time: Level,
    disk_used: Level,
    disk_free: Level,
}

impl Machine {
    /// Registers what is of the process in `process`, and the rest in `registry`.
    pub(super) fn register(&self, registry: &mut Registry, process: &mut Registry) {
        let build = Family::<Labels, Level>::default();
        let labels = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        build.get_or_create(&labels).set(1);
        registry.register("build_info", "The release that runs", build);
        let disk = [
            ("disk_used", "Size of the data folder", &self.disk_used),
            (
                "disk_free",
                "What is free where the data folder is",
                &self.disk_free,
            ),
        ];
        for (name, help, level) in disk {
            registry.register_with_unit(name, help, Unit::Bytes, level.clone());
        }
        process.register_with_unit(
            "process_resident_memory",
            "Memory of the process that is in RAM",
            Unit::Bytes,
            self.resident.clone(),
        );
        process.register(
            "process_open_fds",
            "Files and sockets that the process has open",
            self.open_fds.clone(),
        );
        process.register_with_unit(
            "process_start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            self.start_time.clone(),
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.start_time.set(now.unwrap_or_default().as_secs());
    }

    /// Reads what there is; what cannot be read stays as it was.
    pub(super) fn take(&self, folder: &Path) {
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.open_fds.set(super::saturate(open.count()));
        }
        if let Ok(disk) = rustix::fs::statvfs(folder) {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            self.disk_free.set(free);
        }
        self.disk_used.set(size_of(folder));
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

/// Adds up the files of a folder and of those below it. Files that go meanwhile count as nothing.
fn size_of(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let (mut bytes, mut seen) = (0u64, 0);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries {
            match entry.metadata() {
                Ok(about) if about.is_dir() && seen < FOLDERS_MAX => {
                    seen += 1;
                    folders.push(entry.path());
                }
                Ok(about) => bytes = bytes.saturating_add(about.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_process_and_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("ledger")).unwrap();
        fs::write(folder.path().join("ledger/one"), [0; 1_000]).unwrap();
        fs::write(folder.path().join("two"), [0; 500]).unwrap();
        let machine = Machine::default();
        machine.take(folder.path());
        let used = machine.disk_used.get();
        assert!((1_500..100_000).contains(&used), "{used}");
        assert!(machine.disk_free.get() > 0);
        assert!(machine.resident.get() > 1 << 20 && machine.open_fds.get() > 2);
    }
}
