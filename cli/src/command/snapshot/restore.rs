//! `starling snapshot restore`: a ledger made of a snapshot, beside the old one, then in its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use starling_ledger::chain::{ChainError, ChainReader};
use starling_ledger::genesis::Genesis;
use starling_ledger::snapshot::{Restoration, VerifiedManifest};
use starling_ledger::storage::StorageError;
use starling_store::{OpenOptions, RocksStorage};

use super::make::describe;
use super::{Known, snapshot_exit, verify};
use crate::context::Context;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::{folders, node_exit};

/// Where a snapshot goes.
pub(super) struct Target {
    /// The data folder of the node.
    pub(super) data_dir: PathBuf,
    /// The ledger in it.
    pub(super) ledger: PathBuf,
    /// Where the new one is made.
    pub(super) side: PathBuf,
    /// Whether a ledger that is as far may be replaced.
    pub(super) force: bool,
}

/// Restores the node's ledger from a snapshot.
pub(super) fn run(context: &Context, snapshot: &Path, known: Known, target: &Target) -> Outcome {
    let manifest = verify::manifest(snapshot, &known)?;
    let anchor = known.anchor();
    folders::create_private(&target.data_dir)?;
    let present = present(target, &known.genesis, &manifest)?;
    remove(&target.side)?;
    let new = RocksStorage::open(&target.side, &OpenOptions::default());
    let new = new.map_err(|error| node_exit::storage(&error))?;
    if let Err(error) = fill(snapshot, new, known.genesis, manifest.clone()) {
        remove(&target.side)?;
        return Err(error);
    }
    drop(present);
    RocksStorage::replace(&target.ledger, &target.side)
        .map_err(|error| node_exit::storage(&error))?;
    remove(&target.side)?;
    let (mut data, text) = describe(snapshot, manifest.get());
    data["restored"] = target.ledger.display().to_string().into();
    data["anchor"] = anchor.into();
    let text = format!(
        "{text}\nrestored {} at height {}: verified against the {anchor}",
        target.ledger.display(),
        manifest.get().height(),
    );
    context.output.result(&data, &text);
    let next = format!(
        "starling node run --data-dir {} …",
        target.data_dir.display()
    );
    context.output.next(&next);
    Ok(())
}

/// Checks every chunk and writes it. The storage is closed when this returns.
fn fill(
    snapshot: &Path,
    new: RocksStorage,
    genesis: Genesis,
    manifest: VerifiedManifest,
) -> Outcome {
    let chunks = manifest.clone();
    let mut restoration = Restoration::begin(Arc::new(new), genesis, manifest)
        .map_err(|error| snapshot_exit(&error))?;
    verify::each_chunk(snapshot, &chunks, |bytes| restoration.add(bytes))?;
    restoration
        .finish()
        .map(drop)
        .map_err(|error| snapshot_exit(&error))
}

/// Opens the ledger that is there, which keeps a node from starting on it meanwhile. Refuses to
/// replace that of another network, or one that is as far already. One that cannot be read is what
/// restoring is for.
fn present(
    target: &Target,
    genesis: &Genesis,
    manifest: &VerifiedManifest,
) -> Outcome<Option<Arc<RocksStorage>>> {
    let opened = RocksStorage::open_locked(&target.ledger, &OpenOptions::default());
    let present = match opened {
        Ok(present) => Arc::new(present),
        Err(error @ StorageError::Locked { .. }) => return Err(node_exit::storage(&error)),
        Err(_) => return Ok(None),
    };
    let reader = ChainReader::new(Arc::clone(&present) as _);
    if let Ok(Some(stored)) = reader.genesis()
        && stored.hash() != genesis.hash()
    {
        let (stored, given) = (stored.hash(), genesis.hash());
        return Err(node_exit::chain(&ChainError::OtherNetwork {
            stored,
            given,
        }));
    }
    let offered = manifest.get().height();
    match reader.tip() {
        Ok(Some((height, _))) if height >= offered && !target.force => {
            let message = format!("the ledger is at height {height}, the snapshot at {offered}");
            Err(CliError::new(Exit::Failure, message)
                .next("nothing is to be gained; --force goes back all the same"))
        }
        _ => Ok(Some(present)),
    }
}

/// Removes what was made aside, also by an earlier run that was interrupted.
fn remove(side: &Path) -> Outcome {
    match fs::remove_dir_all(side) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).on("remove", side),
        _ => Ok(()),
    }
}
