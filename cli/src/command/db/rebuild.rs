//! Building a ledger anew in a folder beside it, and putting it in its place.

use std::fs;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use starling_ledger::chain::{ChainReader, ChainStore, HistoryIndex};
use starling_ledger::storage::Storage;
use starling_node::runtime::replay::{self, ReplayError, ReplayPlan, replay};
use starling_store::{OpenOptions, RocksStorage};

use super::{Progress, failed, ledger};
use crate::context::Context;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::node_exit;

/// A folder beside the ledger, for as long as a rebuild takes.
pub(super) struct Side {
    data_dir: PathBuf,
    folder: PathBuf,
    options: OpenOptions,
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
            options: OpenOptions::default(),
        }
    }

    /// Names a folder for a ledger that nobody is to keep.
    pub(super) fn thrown_away(data_dir: &Path, purpose: &str) -> Self {
        Self {
            options: OpenOptions::thrown_away(),
            ..Self::new(data_dir, purpose)
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

/// Executes the blocks of `chain` again up to `to`, or to the last there is, in the folder of
/// `side`. Below the block of `--checkpoint` the signatures of transactions are taken for right.
pub(super) fn run(
    context: &Context,
    chain: &ChainStore,
    side: &Side,
    to: Option<u64>,
) -> Outcome<Rebuilds> {
    side.remove()?;
    let storage = RocksStorage::open(&side.folder, &side.options);
    let storage = storage.map_err(|error| node_exit::storage(&error))?;
    let target: Arc<dyn Storage> = Arc::new(storage);
    let source = chain.snapshot().map_err(|error| failed(&error))?;
    let history = source.history_index().map_err(|error| failed(&error))?;
    let end = to.unwrap_or_else(|| last(&source));
    let plan = ReplayPlan {
        end: Some(end),
        checkpoint: context.global.checkpoint,
        // As it was, so that what is built anew has nothing more and nothing less.
        history: history != HistoryIndex::Off,
        threads: thread::available_parallelism().map_or(1, NonZero::get),
    };
    let mut progress = Progress::new(context, "executed", (1, end));
    let mut tell = |done: replay::Progress| {
        progress.reached(done.height);
        ControlFlow::Continue(())
    };
    match replay(&source, &target, &plan, &mut tell) {
        Ok(done) => Ok(Rebuilds {
            height: done.height,
            bad: None,
        }),
        Err(error) => match error.fault() {
            // The new ledger holds all blocks below.
            Some(bad) => Ok(Rebuilds {
                height: bad.0.saturating_sub(1),
                bad: Some(bad),
            }),
            None => Err(explain(&error)),
        },
    }
}

/// Returns the last block that is stored: where the tip itself is damaged, the blocks tell.
fn last(source: &ChainReader) -> u64 {
    if let Ok(Some((height, _))) = source.tip() {
        return height;
    }
    let stored = |height: &u64| !matches!(source.header(*height), Ok(None));
    (1..).take_while(stored).last().unwrap_or(0)
}

fn explain(error: &ReplayError) -> CliError {
    let message = error.to_string();
    match error {
        ReplayError::Source(error) | ReplayError::Target(error) => failed(error),
        ReplayError::Checkpoint { .. } => {
            CliError::new(Exit::Verification, message).code("checkpoint")
        }
        ReplayError::CheckpointAbove { .. } => CliError::usage(message),
        _ => CliError::new(Exit::Failure, message),
    }
}
