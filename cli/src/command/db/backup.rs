//! `starling db backup`: copy the ledger of a running node.

use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use starling_node::runtime;
use starling_store::{OpenOptions, RocksStorage};

use super::{Target, ledger};
use crate::context::Context;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  starling db backup ./backup-monday n1
  starling db backup /mnt/backup/monday --config node.toml
  starling db check --data-dir /mnt/backup/monday

The node has to run; it goes on meanwhile. On the same disk the copy shares its files with the
ledger and takes next to no room. Keys, sign guard and consensus log are left out, so that no
validator signs twice with an old memory; a README in the folder says how to use it.";

/// `starling db backup`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackupArgs {
    /// Where to put it; must not exist yet, or be empty.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Unreachable`] where no node runs on the folder, and what stops the copy.
pub(super) fn run(context: &Context, args: &BackupArgs) -> Outcome {
    let data_dir = args.target.data_dir(context)?;
    let folder = absolute(&args.folder).on("find", &args.folder)?;
    let text = folder.to_str().filter(|text| !text.contains('\n'));
    let text =
        text.ok_or_else(|| CliError::usage("the name of the folder has to be plain text"))?;
    let answer = runtime::ask(&data_dir, &format!("backup {text}"));
    let answer = answer.map_err(|error| not_running(&data_dir, &error))?;
    let height = answer
        .strip_prefix("ok ")
        .and_then(|height| height.parse::<u64>().ok());
    let Some(height) = height else {
        let reason = answer.strip_prefix("error ").unwrap_or(&answer);
        return Err(refused(reason));
    };
    let data = json!({"folder": text, "height": height});
    let shown = format!("block {height} and all before it are in {text}");
    context.output.result(&data, &shown);
    context
        .output
        .next(&format!("starling db check --data-dir {text}"));
    Ok(())
}

/// Nobody listens: either no node runs, or it has no socket.
fn not_running(data_dir: &Path, error: &io::Error) -> CliError {
    let opened = RocksStorage::open_locked(&ledger(data_dir), &OpenOptions::default());
    match opened.map(Arc::new) {
        Err(starling_ledger::storage::StorageError::Locked { .. }) => {
            let message = format!("the node does not take the call: {error}");
            CliError::new(Exit::Io, message)
        }
        _ => {
            let message = format!("no node runs on {}", data_dir.display());
            CliError::new(Exit::Unreachable, message)
                .next("start the node; of a stopped one, copy the folder `ledger`")
        }
    }
}

fn refused(reason: &str) -> CliError {
    let exit = match reason {
        reason if reason.contains("no space left") || reason.contains("No space left") => {
            Exit::DiskFull
        }
        reason if reason.contains("is not empty") => Exit::Usage,
        _ => Exit::Io,
    };
    CliError::new(exit, reason)
}
