//! The mark of a running node: a file that only a clean stop removes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the mark in the folder of a node.
const MARK_NAME: &str = "running";

/// The mark of this run.
pub(super) struct RunMark {
    path: PathBuf,
    /// Whether the previous run left its mark: it did not stop cleanly.
    pub(super) found: bool,
}

impl RunMark {
    /// Sets the mark in `folder`.
    pub(super) fn set(folder: &Path) -> io::Result<Self> {
        let path = folder.join(MARK_NAME);
        let found = path.try_exists()?;
        fs::write(&path, [])?;
        Ok(Self { path, found })
    }

    /// Removes the mark: everything is on disk.
    pub(super) fn clear(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}
