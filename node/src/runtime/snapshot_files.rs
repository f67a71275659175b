//! Snapshots in folders: written beside their name and renamed when complete; read with every
//! length checked before a byte is taken.
//!
//! | name | what |
//! |---|---|
//! | `HEIGHT/` | a complete snapshot |
//! | `HEIGHT/chunk-00000` … | its chunks, in the order of the manifest |
//! | `HEIGHT/manifest` | its manifest, written last |
//! | `HEIGHT.partial/` | one that is being made, or was left |
//!
//! No file names another: names are made from heights and positions here, so nothing that a
//! snapshot says can lead out of its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainError;
use starling_ledger::codec::encode;
use starling_ledger::execution::Tip;
use starling_ledger::snapshot::{
    MANIFEST_BYTES_MAX, SnapshotError, SnapshotManifest, chunks_of, manifest_of,
};
use starling_ledger::state::{CHUNK_BYTES_MAX, StateError};
use starling_ledger::vote::Height;

/// The manifest's name in the folder of a snapshot.
const MANIFEST_NAME: &str = "manifest";
/// What follows the height in the name of a snapshot that is not complete.
const PARTIAL: &str = ".partial";
/// Room that a snapshot leaves on the disk beside itself: the ledger goes on growing while it is
/// made. Our choice: some hundred full blocks.
const SPARE_BYTES: u64 = 256 << 20;

/// Why a snapshot cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotFileError {
    /// The file system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There would be too little room left.
    #[error("{}: {free_bytes} bytes are free, a snapshot needs {needed_bytes}", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Free now.
        free_bytes: u64,
        /// What it takes, and what it leaves free.
        needed_bytes: u64,
    },
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// There is no block yet, so there is nothing that a certificate proves.
    #[error("no snapshot is made of the genesis")]
    Genesis,
    /// The node stops.
    #[error("stopped before it was complete")]
    Stopped,
    /// A link, device or folder where a file should be.
    #[error("{} is not a plain file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A file of another length than it must have.
    #[error("{} has {found_bytes} bytes, expected {expected_bytes}", path.display())]
    Length {
        /// Which.
        path: PathBuf,
        /// What the manifest says, or the limit of a manifest.
        expected_bytes: u64,
        /// What it has.
        found_bytes: u64,
    },
    /// What is in a file is wrong.
    #[error("{}: {source}", path.display())]
    Snapshot {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: SnapshotError,
    },
}

impl SnapshotFileError {
    /// Says whether the disk is full.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::NoRoom { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            _ => false,
        }
    }
}

/// Returns the folder of complete snapshots in the data folder of a node.
#[must_use]
pub fn folder_of(data_dir: &Path) -> PathBuf {
    data_dir.join("snapshots")
}

/// Makes the snapshot after the block of `tip` in `folder` and returns its own folder there; does
/// nothing where it is complete already.
///
/// One chunk is in memory at a time, and on the disk before the next is read. `pace` is called
/// after each and may wait, or break it off. Where it fails nothing is left.
///
/// # Errors
/// [`SnapshotFileError`].
pub fn make(
    folder: &Path,
    tip: &Tip,
    certificate: CommitCertificate,
    pace: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<PathBuf, SnapshotFileError> {
    let complete = folder.join(tip.height.to_string());
    let partial = folder.join(format!("{}{PARTIAL}", tip.height));
    if complete.join(MANIFEST_NAME).exists() {
        return Ok(complete);
    }
    fs::create_dir_all(folder).map_err(at(folder))?;
    remove(&partial)?;
    expect_room(folder, tip.state.size_bytes())?;
    let made = fill(&partial, tip, certificate, pace).and_then(|()| {
        fs::rename(&partial, &complete).map_err(at(&complete))?;
        sync(folder)
    });
    match made {
        Ok(()) => Ok(complete),
        Err(error) => {
            // The first error is the one to tell; what is left is removed by the next attempt.
            let _ = remove(&partial);
            Err(error)
        }
    }
}

/// Returns the heights of the complete snapshots in `folder`, ascending; none where there is no
/// such folder.
///
/// # Errors
/// [`SnapshotFileError::Io`].
pub fn list(folder: &Path) -> Result<Vec<Height>, SnapshotFileError> {
    let heights = names(folder)?
        .into_iter()
        .filter_map(|name| height(&name))
        .filter(|height| folder.join(height.to_string()).join(MANIFEST_NAME).exists());
    let mut heights: Vec<_> = heights.collect();
    heights.sort_unstable();
    Ok(heights)
}

/// Removes all complete snapshots but the `keep` highest.
///
/// # Errors
/// [`SnapshotFileError::Io`].
pub fn keep_last(folder: &Path, keep: usize) -> Result<(), SnapshotFileError> {
    let heights = list(folder)?;
    let old = heights.len().saturating_sub(keep);
    for height in heights.into_iter().take(old) {
        // Its name goes first, so that none is ever seen that is half removed.
        let complete = folder.join(height.to_string());
        let partial = folder.join(format!("{height}{PARTIAL}"));
        remove(&partial)?;
        fs::rename(&complete, &partial).map_err(at(&complete))?;
        remove(&partial)?;
    }
    Ok(())
}

/// Removes what was left when a node stopped while it made a snapshot.
///
/// # Errors
/// [`SnapshotFileError::Io`].
pub fn remove_partial(folder: &Path) -> Result<(), SnapshotFileError> {
    for name in names(folder)? {
        if name.strip_suffix(PARTIAL).and_then(height).is_some() {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Reads the manifest of the snapshot in `snapshot`.
///
/// # Errors
/// [`SnapshotFileError`].
pub fn read_manifest(snapshot: &Path) -> Result<SnapshotManifest, SnapshotFileError> {
    let path = snapshot.join(MANIFEST_NAME);
    let (file, found_bytes) = open(&path)?;
    let expected_bytes = MANIFEST_BYTES_MAX as u64;
    if found_bytes > expected_bytes {
        return Err(SnapshotFileError::Length {
            path,
            expected_bytes,
            found_bytes,
        });
    }
    let bytes = read(&path, file, found_bytes)?;
    SnapshotManifest::from_bytes(&bytes)
        .map_err(|source| SnapshotFileError::Snapshot { path, source })
}

/// Reads the encoded chunk at this position of the manifest, which must have `expected_bytes`.
///
/// # Errors
/// [`SnapshotFileError`].
pub fn read_chunk(
    snapshot: &Path,
    position: usize,
    expected_bytes: u64,
) -> Result<Vec<u8>, SnapshotFileError> {
    let path = chunk_path(snapshot, position);
    let (file, found_bytes) = open(&path)?;
    if found_bytes != expected_bytes || found_bytes > CHUNK_BYTES_MAX as u64 {
        return Err(SnapshotFileError::Length {
            path,
            expected_bytes,
            found_bytes,
        });
    }
    read(&path, file, found_bytes)
}

/// Returns the file of the chunk at this position of the manifest.
#[must_use]
pub fn chunk_path(snapshot: &Path, position: usize) -> PathBuf {
    snapshot.join(format!("chunk-{position:05}"))
}

/// Writes all files of a snapshot, the manifest last.
fn fill(
    partial: &Path,
    tip: &Tip,
    certificate: CommitCertificate,
    pace: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<(), SnapshotFileError> {
    fs::create_dir(partial).map_err(at(partial))?;
    let mut listed = Vec::new();
    for chunk in chunks_of(tip) {
        let (summary, chunk) = chunk?;
        write(&chunk_path(partial, listed.len()), &encode(&chunk))?;
        listed.push(summary);
        if pace().is_break() {
            return Err(SnapshotFileError::Stopped);
        }
    }
    let manifest = manifest_of(tip, certificate, listed).ok_or(SnapshotFileError::Genesis)?;
    write(&partial.join(MANIFEST_NAME), &manifest.to_bytes())?;
    sync(partial)
}

/// Writes a new file, which is on the disk when this returns.
fn write(path: &Path, bytes: &[u8]) -> Result<(), SnapshotFileError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(at(path))
}

/// Opens a plain file, and nothing that blocks or never ends, and returns its length.
fn open(path: &Path) -> Result<(File, u64), SnapshotFileError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("flags of Linux fit into an int");
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(at(path))?;
    let metadata = file.metadata().map_err(at(path))?;
    match metadata.is_file() {
        true => Ok((file, metadata.len())),
        false => Err(SnapshotFileError::NotAFile { path: path.into() }),
    }
}

/// Reads a file that has `length` bytes; one that grows meanwhile is not followed.
fn read(path: &Path, file: File, length: u64) -> Result<Vec<u8>, SnapshotFileError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length)
        .read_to_end(&mut bytes)
        .map_err(at(path))?;
    Ok(bytes)
}

/// Refuses to begin what would leave too little room for the ledger.
fn expect_room(folder: &Path, size_bytes: u64) -> Result<(), SnapshotFileError> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| at(folder)(error.into()))?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed_bytes = size_bytes.saturating_add(SPARE_BYTES);
    if free_bytes < needed_bytes {
        return Err(SnapshotFileError::NoRoom {
            path: folder.into(),
            free_bytes,
            needed_bytes,
        });
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), SnapshotFileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Makes new names in a folder survive a power loss.
fn sync(folder: &Path) -> Result<(), SnapshotFileError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at(folder))
}

/// Returns the names in a folder that are texts; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, SnapshotFileError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(folder))?.file_name();
        names.extend(name.into_string().ok());
    }
    Ok(names)
}

/// Parses the name of a snapshot, which is a height as it is written here.
fn height(name: &str) -> Option<Height> {
    let height: Height = name.parse().ok()?;
    (height.to_string() == name).then_some(height)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SnapshotFileError + '_ {
    move |source| SnapshotFileError::Io {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
pub(super) mod tests;
