//! `starling snapshot verify`, and what restoring shares with it.

use std::path::Path;

use starling_ledger::keys::Ed25519;
use starling_ledger::light::Trusted;
use starling_ledger::snapshot::{Anchor, Checklist, SnapshotError, VerifiedManifest};
use starling_node::runtime::{snapshot_files, wall_ms};

use super::make::describe;
use super::{Known, files_exit, snapshot_exit};
use crate::context::Context;
use crate::error::{CliError, Outcome};

/// Checks a whole snapshot.
pub(super) fn run(context: &Context, snapshot: &Path, known: &Known) -> Outcome {
    let mut list = Checklist::new(manifest(snapshot, known)?);
    let manifest = list.manifest().clone();
    each_chunk(snapshot, &manifest, |bytes| list.take(bytes).map(drop))?;
    list.complete().map_err(|error| snapshot_exit(&error))?;
    let (mut data, text) = describe(snapshot, manifest.get());
    data["verified"] = true.into();
    data["anchor"] = known.anchor().into();
    let text = format!(
        "{text}\nverified: every entry, against the {}",
        known.anchor()
    );
    context.output.result(&data, &text);
    let next = format!(
        "starling snapshot restore {} --data-dir DIR",
        snapshot.display()
    );
    context.output.next(&next);
    Ok(())
}

/// Reads a manifest and checks everything that can be known without a chunk.
pub(super) fn manifest(snapshot: &Path, known: &Known) -> Outcome<VerifiedManifest> {
    let manifest = snapshot_files::read_manifest(snapshot).map_err(|error| files_exit(&error))?;
    let genesis = &known.genesis;
    let verified = match known.checkpoint {
        Some(given) => manifest.verify(&Ed25519, genesis, &Anchor::Checkpoint(given)),
        None => Trusted::genesis(genesis)
            .map_err(SnapshotError::from)
            .and_then(|point| {
                let anchor = Anchor::Trusted {
                    point: &point,
                    now_ms: wall_ms(),
                };
                manifest.verify(&Ed25519, genesis, &anchor)
            }),
    };
    verified.map_err(|error| snapshot_exit(&error))
}

/// Hands out the chunks in order, each with the length that the manifest says.
pub(super) fn each_chunk(
    snapshot: &Path,
    manifest: &VerifiedManifest,
    mut take: impl FnMut(&[u8]) -> Result<(), SnapshotError>,
) -> Outcome {
    for (position, listed) in manifest.get().chunks.iter().enumerate() {
        let bytes = snapshot_files::read_chunk(snapshot, position, listed.encoded_bytes())
            .map_err(|error| files_exit(&error))?;
        take(&bytes).map_err(|error| {
            let path = snapshot_files::chunk_path(snapshot, position);
            let refused = snapshot_exit(&error);
            CliError {
                message: format!("{}: {}", path.display(), refused.message),
                ..refused
            }
        })?;
    }
    Ok(())
}

impl Known {
    /// Names what vouches for the block.
    pub(super) const fn anchor(&self) -> &'static str {
        match self.checkpoint {
            None => "genesis",
            Some(_) => "checkpoint",
        }
    }
}
