//! Building a ledger anew in a folder beside it, and putting it in its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use starling_ledger::chain::{ChainError, ChainStore, HistoryIndex, Rebuild, Rebuilt};
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Ed25519;
use starling_store::{OpenOptions, RocksStorage};

use super::{Progress, failed, genesis, ledger};
use crate::context::Context;
use crate::error::{FileContext as _, Outcome};
use crate::node_exit;

/// A folder beside the ledger, for as long as a rebuild takes.
pub(super) struct Side {
    data_dir: PathBuf,
    folder: PathBuf,
}

/// How a rebuild ended.
pub(super) struct Rebuilds {
    /// The last block of the new ledger.
    pub(super) height: u64,
    /// The first bad block of the old one, and what is wrong with it, if it has one.
    pub(super) bad: Option<(u64, String)>,
}

impl Side {
    /// Names a folder; it is made by [`run`].
    pub(super) fn new(data_dir: &Path, purpose: &str) -> Self {
        Self {
            folder: data_dir.join(format!("ledger.{purpose}")),
            data_dir: data_dir.to_owned(),
        }
    }

    /// Removes what is there, also from an earlier run that was interrupted.
    pub(super) fn remove(&self) -> Outcome {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).on("remove", &self.folder)
            }
            _ => Ok(()),
        }
    }

    /// Puts the new ledger in the place of the old one, which is removed. A crash leaves one of
    /// the two in the node's folder.
    pub(super) fn take_over(&self) -> Outcome {
        RocksStorage::replace(&ledger(&self.data_dir), &self.folder)
            .map_err(|error| node_exit::storage(&error))?;
        self.remove()
    }
}

/// Executes the blocks of `chain` again up to `to`, in the folder of `side`.
pub(super) fn run(
    context: &Context,
    chain: &ChainStore,
    side: &Side,
    to: u64,
) -> Outcome<Rebuilds> {
    side.remove()?;
    let storage = RocksStorage::open(&side.folder, &OpenOptions::default());
    let storage = Arc::new(storage.map_err(|error| node_exit::storage(&error))?);
    // As it was, so that what is built anew has nothing more and nothing less.
    let history = chain
        .read()
        .history_index()
        .map_err(|error| failed(&error))?;
    let target = ChainStore::new(storage).with_history(history != HistoryIndex::Off);
    let genesis = genesis(chain)?;
    execute(context, chain, (target, &genesis), to).map_err(|error| failed(&error))
}

fn execute(
    context: &Context,
    chain: &ChainStore,
    (target, genesis): (ChainStore, &Genesis),
    to: u64,
) -> Result<Rebuilds, ChainError> {
    target.init_genesis(genesis)?;
    let mut rebuild = Rebuild::begin(chain.snapshot()?, target, Arc::new(Ed25519))?;
    let mut progress = Progress::new(context, "executed", (1, to));
    let mut bad = None;
    while rebuild.height() < to {
        match rebuild.step()? {
            Rebuilt::Block(height) => progress.reached(height),
            Rebuilt::End => break,
            Rebuilt::Bad { height, reason } => {
                bad = Some((height, reason));
                break;
            }
        }
    }
    rebuild.write()?;
    Ok(Rebuilds {
        height: rebuild.height(),
        bad,
    })
}
