//! Which chunks of a snapshot came, and that each is what it should be.

use std::collections::BTreeSet;

use super::{SnapshotError, VerifiedManifest};
use crate::state::{ProvenChunk, StateChunk};

/// Takes the chunks of one snapshot, in any order, each once.
#[derive(Clone, Debug)]
pub struct Checklist {
    manifest: VerifiedManifest,
    missing: BTreeSet<usize>,
}

impl Checklist {
    /// Waits for all chunks that the manifest lists.
    #[must_use]
    pub fn new(manifest: VerifiedManifest) -> Self {
        let missing = (0..manifest.get().chunks.len()).collect();
        Self { manifest, missing }
    }

    /// Returns the manifest.
    #[must_use]
    pub const fn manifest(&self) -> &VerifiedManifest {
        &self.manifest
    }

    /// Returns the positions in the list of the chunks that did not come.
    pub fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        self.missing.iter().copied()
    }

    /// Takes an encoded chunk: it is listed and did not come before, has the length that the
    /// manifest says, is part of the state, and the manifest told the truth about it. What is
    /// refused leaves the list as it was.
    ///
    /// # Errors
    /// [`SnapshotError`] names what is wrong.
    pub fn take(&mut self, bytes: &[u8]) -> Result<ProvenChunk, SnapshotError> {
        let chunk = StateChunk::from_bytes(bytes)?;
        let path = *chunk.path();
        let position = self.manifest.position(&path)?;
        if !self.missing.contains(&position) {
            return Err(SnapshotError::Twice { path });
        }
        let listed = self.manifest.get().chunks.get(position);
        let listed = listed.ok_or(SnapshotError::Unlisted { path })?;
        let (expected, found) = (listed.encoded_bytes(), bytes.len() as u64);
        if expected != found {
            return Err(SnapshotError::Length { expected, found });
        }
        let proven = chunk.prove(&self.manifest.state_root())?;
        let (expected, found) = (listed.entries, proven.summary.entries);
        if expected != found {
            return Err(SnapshotError::Counts {
                path,
                expected,
                found,
            });
        }
        self.missing.remove(&position);
        Ok(proven)
    }

    /// Says that all chunks came.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`].
    pub fn complete(&self) -> Result<(), SnapshotError> {
        match self.missing.first() {
            None => Ok(()),
            Some(&first) => Err(SnapshotError::Missing {
                count: self.missing.len(),
                first,
            }),
        }
    }
}
