//! The evidence of a fork: a file in the node's folder, with which it does not start again.
//!
//! Whoever restarts a node that has seen two chains of one network decides between them. The file
//! holds both blocks with their certificates; nothing overwrites it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use starling_ledger::hash::Hash;
use starling_ledger::light::Conflict;

use crate::api::ConflictReply;

/// How the names of the files begin.
const PREFIX: &str = "fork-";

/// Writes the evidence, synced, and says where.
pub(super) fn write(folder: &Path, genesis: &Hash, conflict: &Conflict) -> io::Result<PathBuf> {
    let other = conflict.other.hash().0.short();
    let path = folder.join(format!("{PREFIX}{}-{other}.json", conflict.other.height));
    let text = serde_json::to_string_pretty(&ConflictReply::new(genesis, conflict))?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(path),
        file => file?,
    };
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::File::open(folder)?.sync_all()?;
    Ok(path)
}

/// Returns the evidence of an earlier run, if there is any.
pub(super) fn find(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            found.push(entry.path());
        }
    }
    Ok(found.into_iter().min())
}
