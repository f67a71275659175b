//! From a snapshot to a ledger: chunks go into an empty storage, the tip goes in last.

use std::sync::Arc;

use super::{Checklist, SnapshotError, VerifiedManifest};
use crate::chain::ChainStore;
use crate::execution::Tip;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::storage::{Column, Storage};

/// A restoration under way, into a storage that is empty but for what was restored.
///
/// A storage in which one was begun and not finished has no tip, is no ledger to anybody, and is
/// thrown away.
pub struct Restoration {
    storage: Arc<dyn Storage>,
    genesis: Genesis,
    list: Checklist,
}

impl Restoration {
    /// Begins to restore into `storage`, which must be fresh.
    ///
    /// # Errors
    /// [`SnapshotError::NotEmpty`] where it holds a ledger or pages of a state,
    /// [`SnapshotError::Network`] where the manifest is of another genesis.
    pub fn begin(
        storage: Arc<dyn Storage>,
        genesis: Genesis,
        manifest: VerifiedManifest,
    ) -> Result<Self, SnapshotError> {
        let (expected, found) = (genesis.hash(), manifest.get().header.genesis);
        if expected != found {
            return Err(SnapshotError::Network { expected, found });
        }
        let chain = ChainStore::new(Arc::clone(&storage));
        let begun = chain.read().genesis()?.is_some() || chain.read().tip()?.is_some();
        let has_pages = || storage.scan(Column::PageHash, &[], None, 1);
        if begun || !has_pages()?.is_empty() {
            return Err(SnapshotError::NotEmpty);
        }
        Ok(Self {
            storage,
            genesis,
            list: Checklist::new(manifest),
        })
    }

    /// Returns which chunks came.
    #[must_use]
    pub const fn list(&self) -> &Checklist {
        &self.list
    }

    /// Checks a chunk and writes its pages.
    ///
    /// # Errors
    /// [`SnapshotError`] names what is wrong with it; then nothing of it was written.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let proven = self.list.take(bytes)?;
        Ok(self.storage.write(proven.writes)?)
    }

    /// Writes genesis, header, certificate and tip in one batch, when all chunks came, and reads
    /// the ledger as a node does at its start.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] where chunks are missing, [`SnapshotError::StateRoot`] and
    /// [`SnapshotError::Chain`] where the storage does not hold what was written.
    pub fn finish(self) -> Result<Tip, SnapshotError> {
        self.list.complete()?;
        let manifest = self.list.manifest().get();
        let chain = ChainStore::new(Arc::clone(&self.storage));
        let sets = [&manifest.signed_by, &manifest.validators];
        let (header, certificate) = (&manifest.header, &manifest.certificate);
        chain.begin_above(&self.genesis, header, certificate, sets)?;
        let tip = chain.tip()?;
        let (expected, found): (Hash, Hash) = (manifest.header.state_root, tip.state.root());
        if expected != found {
            return Err(SnapshotError::StateRoot { expected, found });
        }
        Ok(tip)
    }
}
