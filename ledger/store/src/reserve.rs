//! Disk space kept back for the day the disk is full.
//!
//! To stop in good order needs a little space: the last lines of the consensus log, the address
//! book, a report. When a write finds the disk full the reserve is given back; the next start
//! takes it again, and refuses to run where there is none to take.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use starling_ledger::storage::{StorageError, StorageOperation};

use crate::error::from_io;

const NAME: &str = "reserve";

/// What is written at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file that occupies space.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Makes sure that `bytes` are occupied in `folder`.
    pub(crate) fn hold(folder: &Path, bytes: u64) -> Result<Self, StorageError> {
        let path = folder.join(NAME);
        let held = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes);
        if !held && let Err(error) = fill(&path, bytes) {
            let _ = fs::remove_file(&path);
            return Err(from_io(&error, StorageOperation::Open, &path));
        }
        Ok(Self { path })
    }

    /// Gives the space back.
    pub(crate) fn free(&self) {
        // Where this fails too there is nothing left to do: the node is stopping already.
        let _ = fs::remove_file(&self.path);
    }

    /// Writes a little next to the reserve and removes it: what the disk says to a writer now.
    pub(crate) fn probe_disk(&self) -> Result<(), StorageError> {
        let path = self.path.with_extension("probe");
        let result = fill(&path, CHUNK_BYTES as u64);
        let _ = fs::remove_file(&path);
        result.map_err(|error| from_io(&error, StorageOperation::Write, &path))
    }
}

/// Writes `bytes` that a file system does not fold into a hole.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let chunk: Vec<u8> = (1..=u8::MAX).cycle().take(CHUNK_BYTES).collect();
    let mut rest = bytes;
    while rest > 0 {
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        file.write_all(chunk.get(..length).unwrap_or_default())?;
        rest = rest.saturating_sub(length as u64);
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::Reserve;

    #[test]
    fn occupies_its_size_until_it_is_freed() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = 1_000_000;
        let reserve = Reserve::hold(folder.path(), bytes).unwrap();
        let path = folder.path().join("reserve");
        assert_eq!(path.metadata().unwrap().len(), bytes);
        reserve.free();
        assert!(!path.exists());
        Reserve::hold(folder.path(), bytes).unwrap();
        assert_eq!(path.metadata().unwrap().len(), bytes);
    }

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::hold(folder.path(), 10).unwrap();
        reserve.probe_disk().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
