//! Files that grow by synced appends, are rewritten beside themselves and renamed, and know which
//! file they are.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::consensus::guard::FolderId;

/// The file system refuses something of a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
#[non_exhaustive]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A file that grows by synced appends.
pub(super) struct Appender {
    path: PathBuf,
    file: File,
    size_bytes: u64,
}

impl Appender {
    /// Opens the file at `path`, or makes an empty one, and makes its name durable.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn open(path: PathBuf) -> Result<Self, FileError> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path);
        let opened = file.and_then(|file| {
            let size_bytes = file.metadata()?.len();
            sync_folder(&path)?;
            Ok((file, size_bytes))
        });
        match opened {
            Ok((file, size_bytes)) => Ok(Self {
                path,
                file,
                size_bytes,
            }),
            Err(source) => Err(FileError { path, source }),
        }
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how long it is.
    pub(super) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|source| self.failed(source))?;
        Ok(bytes)
    }

    /// Cuts off what lies behind `good_bytes`.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn cut(&mut self, good_bytes: usize) -> Result<(), FileError> {
        let good_bytes = good_bytes as u64;
        if good_bytes < self.size_bytes {
            self.file
                .set_len(good_bytes)
                .and_then(|()| self.file.sync_all())
                .map_err(|source| self.failed(source))?;
            self.size_bytes = good_bytes;
        }
        Ok(())
    }

    /// Appends `bytes`, synced.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses; how much of it was written is unknown then.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| self.failed(source))?;
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Returns which file this is: its number in the file system, and its birth. A copy has others,
    /// and a file that is moved keeps them. Where births are not known, the number has to do.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn identity(&self) -> Result<FolderId, FileError> {
        identity(&self.file).map_err(|source| self.failed(source))
    }

    /// Puts a new file with `bytes` in the place of this one; a crash leaves one of the two.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.replace_with(|_| bytes.to_owned())
    }

    /// Puts a new file, made for what it will be, in the place of this one; a crash leaves one of
    /// the two.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses.
    pub(super) fn replace_with(
        &mut self,
        content: impl FnOnce(FolderId) -> Vec<u8>,
    ) -> Result<(), FileError> {
        let beside = self.path.with_extension("new");
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&content(identity(&file)?))?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            sync_folder(&self.path)
        });
        if written.is_err() {
            // Its room may be what the disk lacks.
            let _ = std::fs::remove_file(&beside);
        }
        written.map_err(|source| self.failed(source))?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }

    /// Puts the path to an error.
    pub(super) fn failed(&self, source: io::Error) -> FileError {
        FileError {
            path: self.path.clone(),
            source,
        }
    }
}

fn identity(file: &File) -> io::Result<FolderId> {
    let metadata = file.metadata()?;
    let born = metadata.created().ok();
    let born = born.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let born = born.unwrap_or_default();
    let mut id = [0; 24];
    id[..8].copy_from_slice(&metadata.ino().to_le_bytes());
    id[8..16].copy_from_slice(&born.as_secs().to_le_bytes());
    id[16..20].copy_from_slice(&born.subsec_nanos().to_le_bytes());
    Ok(FolderId(id))
}

/// Makes a new or renamed file's name durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
