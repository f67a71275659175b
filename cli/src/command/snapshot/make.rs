//! `starling snapshot make` and `list`.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use starling_ledger::chain::{ChainError, ChainStore};
use starling_ledger::execution::Tip;
use starling_ledger::snapshot::SnapshotManifest;
use starling_node::runtime::snapshot_files;
use starling_store::{OpenOptions, RocksStorage};

use super::files_exit;
use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::node_exit;

/// How often the ledger is opened anew where a running node removed a table in that moment.
const OPEN_ATTEMPTS: usize = 3;

/// Makes a snapshot of the ledger as it is now.
pub(super) fn make(context: &Context, data_dir: &Path, to: Option<&Path>) -> Outcome {
    let (chain, tip) = open(&data_dir.join("ledger"))?;
    let certificate = chain
        .read()
        .certificate(tip.height)
        .map_err(|error| node_exit::chain(&error))?;
    let certificate = certificate.ok_or_else(|| {
        CliError::new(
            Exit::Failure,
            "there is no block yet to take a snapshot after",
        )
    })?;
    let folder = to.map_or_else(|| snapshot_files::folder_of(data_dir), Path::to_owned);
    let mut pace = || ControlFlow::Continue(());
    let snapshot = snapshot_files::make(&folder, &tip, certificate, &mut pace)
        .map_err(|error| files_exit(&error))?;
    let manifest = snapshot_files::read_manifest(&snapshot).map_err(|error| files_exit(&error))?;
    let (data, text) = describe(&snapshot, &manifest);
    context.output.result(&data, &text);
    let next = format!("starling snapshot verify {}", snapshot.display());
    context.output.next(&next);
    Ok(())
}

/// Lists the complete snapshots of a node.
pub(super) fn list(context: &Context, data_dir: &Path) -> Outcome {
    let folder = snapshot_files::folder_of(data_dir);
    let heights = snapshot_files::list(&folder).map_err(|error| files_exit(&error))?;
    let mut snapshots = Vec::new();
    let mut lines = Vec::new();
    for height in heights {
        let snapshot = folder.join(height.to_string());
        let manifest = snapshot_files::read_manifest(&snapshot);
        let (data, line) = match &manifest {
            Ok(manifest) => describe(&snapshot, manifest),
            Err(error) => (
                json!({"height": height, "error": error.to_string()}),
                format!("{error}"),
            ),
        };
        snapshots.push(data);
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(format!("no snapshots in {}", folder.display()));
    }
    let data = json!({"folder": folder.display().to_string(), "snapshots": snapshots});
    context.output.result(&data, &lines.join("\n"));
    context.output.next("starling snapshot verify DIR");
    Ok(())
}

/// Says what a manifest says.
pub(super) fn describe(snapshot: &Path, manifest: &SnapshotManifest) -> (Value, String) {
    let hash = manifest.header.hash();
    let data = json!({
        "height": manifest.height(),
        "block": hash.to_string(),
        "state_root": manifest.header.state_root.to_string(),
        "genesis": manifest.header.genesis.to_string(),
        "chunks": manifest.chunks.len(),
        "entries": manifest.entries(),
        "size_bytes": manifest.chunks_bytes(),
        "folder": snapshot.display().to_string(),
    });
    let text = format!(
        "{}  block {}  {} entries in {} chunks, {} KiB",
        snapshot.display(),
        hash.0.short(),
        manifest.entries(),
        manifest.chunks.len(),
        manifest.chunks_bytes().div_ceil(1024)
    );
    (data, text)
}

/// Opens the ledger for reading, also beside a running node.
fn open(ledger: &Path) -> Outcome<(ChainStore, Tip)> {
    // All tables are held open from the start: a running node may remove their names.
    let options = OpenOptions {
        open_files_max: -1,
        ..OpenOptions::default()
    };
    let mut attempt = 1;
    loop {
        let opened = RocksStorage::open_read_only(ledger, &options)
            .map_err(ChainError::from)
            .and_then(|storage| {
                let chain = ChainStore::new(Arc::new(storage));
                let tip = chain.tip()?;
                Ok((chain, tip))
            });
        match opened {
            Ok(opened) => return Ok(opened),
            Err(error) if attempt == OPEN_ATTEMPTS => return Err(node_exit::chain(&error)),
            Err(_) => attempt += 1,
        }
    }
}
