//! The consensus log and the sign guard: two files, and the thread that syncs them.
//!
//! A write appends to the log and syncs, then appends to the guard and syncs; only then is it
//! reported. Neither ever waits behind the store. Both are rewritten beside themselves and renamed
//! when they have grown. The first error ends the thread: nothing is signed after it. What the
//! files are worth is judged in [`recovery`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use starling_ledger::chain::{ChainError, ChainReader};
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::Height;
use tokio::sync::mpsc::UnboundedSender;

use super::appender::{Appender, FileError};
use super::threads::Thread;
use crate::consensus::frame::FrameError;
use crate::consensus::guard::{self, GuardFileError, GuardState, Home};
use crate::consensus::recovery::{self, Files, GuardNext, OpenError, Opened, Owner, Recovered};
use crate::consensus::{Doubt, PersistId, wal};
use crate::core::LogWrite;

/// Name of the consensus log in the folder of a node.
const LOG_NAME: &str = "consensus.log";
/// Name of the sign guard in the folder of a node.
const GUARD_NAME: &str = "sign-guard";
/// Size from which the log is rewritten without heights gone by. Our choice: some full blocks.
const LOG_REWRITE_BYTES: u64 = 16 << 20;
/// Most writes that wait. Consensus waits for each, so there are a few at most.
const WRITES_MAX: usize = 1_024;

/// Why log or guard cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The consensus log is damaged before its end.
    #[error("consensus log {}: {source}", path.display())]
    Log {
        /// Which file.
        path: PathBuf,
        /// Where and how.
        source: FrameError,
    },
    /// The sign guard is damaged.
    #[error("{}: {source}", path.display())]
    Guard {
        /// Which file.
        path: PathBuf,
        /// How.
        source: GuardFileError,
    },
    /// The files belong to something else.
    #[error("{}: {source}", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// To what.
        source: OpenError,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<FileError> for LogError {
    fn from(FileError { path, source }: FileError) -> Self {
        Self::Io { path, source }
    }
}

impl LogError {
    /// Says whether the disk is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// What the folder of a stopped node says about the key it votes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignGuard {
    /// No validator ran here.
    NoValidator,
    /// The guard is there.
    Held {
        /// Whose it is.
        key: PublicKey,
        /// The latest height it has signed something of.
        height: Height,
    },
    /// A validator ran here, and its guard is gone.
    Lost,
}

impl SignGuard {
    /// Looks into the folder of a stopped node; changes nothing.
    ///
    /// # Errors
    /// [`LogError`] if a file cannot be read, or the guard is damaged.
    pub fn of(folder: &Path) -> Result<Self, LogError> {
        let (guard, log) = (folder.join(GUARD_NAME), folder.join(LOG_NAME));
        let bytes = read_if_there(&guard)?;
        if bytes.is_empty() {
            // What a full node watches stays out of its log, so whoever has one has voted.
            return Ok(match read_if_there(&log)?.is_empty() {
                true => Self::NoValidator,
                false => Self::Lost,
            });
        }
        let (state, _) = guard::decode(&bytes).map_err(|source| LogError::Guard {
            path: guard,
            source,
        })?;
        let (key, height) = (state.key(), state.height());
        Ok(Self::Held { key, height })
    }
}

fn read_if_there(path: &Path) -> Result<Vec<u8>, LogError> {
    match std::fs::read(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LogError::Io {
            path: path.to_owned(),
            source,
        }),
        read => Ok(read.unwrap_or_default()),
    }
}

/// What a finished write reports.
pub(super) type Logged = Result<PersistId, LogError>;

/// An open log and guard, before the thread starts.
pub(super) struct LogFiles {
    log: Appender,
    guard: Appender,
    genesis: Hash,
}

/// Hands writes to the thread.
pub(super) struct LogSender {
    queue: mpsc::SyncSender<LogWrite>,
    _writer: Thread,
}

impl LogFiles {
    /// Opens the files of `folder`, cuts off what a crash tore, writes a guard that is no memory of
    /// this folder anew, and returns what lies above the tip of `chain`.
    ///
    /// # Errors
    /// [`LogError`] if a file cannot be read, is damaged, or belongs to something else.
    pub(super) fn open(
        folder: &Path,
        owner: Owner,
        chain: &ChainReader,
    ) -> Result<(Self, Opened), LogError> {
        let mut log = Appender::open(folder.join(LOG_NAME))?;
        let mut guard = Appender::open(folder.join(GUARD_NAME))?;
        let (log_bytes, guard_bytes) = (log.read()?, guard.read()?);
        let files = Files {
            log: &log_bytes,
            guard: &guard_bytes,
            folder: guard.identity()?,
        };
        let opened = recovery::open(files, owner).map_err(|source| match source {
            OpenError::Log(source) => LogError::Log {
                path: log.path().to_owned(),
                source,
            },
            source => LogError::Foreign {
                folder: folder.to_owned(),
                source,
            },
        });
        let mut opened = opened?;
        log.cut(opened.log_bytes)?;
        match &opened.guard {
            GuardNext::Leave => {}
            GuardNext::Cut(bytes) => guard.cut(*bytes)?,
            GuardNext::Replace(state) => {
                keep_aside(&guard, &opened.recovered)?;
                guard.replace_with(|id| Home::new(owner.genesis, id).file(state))?;
            }
        }
        if let Some((key, known)) = owner.key.zip(opened.recovered.guard.as_ref()) {
            let span = (known.height(), owner.height);
            opened.recovered.stored = recovery::stored_signature(chain, &key, span)?;
        }
        let genesis = owner.genesis;
        Ok((
            Self {
                log,
                guard,
                genesis,
            },
            opened,
        ))
    }

    /// Starts the thread; every write is reported to `results`.
    ///
    /// # Errors
    /// An I/O error if the thread cannot be started.
    pub(super) fn start(mut self, results: UnboundedSender<Logged>) -> io::Result<LogSender> {
        let (sender, queue) = mpsc::sync_channel::<LogWrite>(WRITES_MAX);
        let writer = Thread::start("log", move || {
            for write in queue {
                let result = self.write(&write).map(|()| write.id);
                let failed = result.is_err();
                if results.send(result).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(LogSender {
            queue: sender,
            _writer: writer,
        })
    }

    fn write(&mut self, write: &LogWrite) -> Result<(), LogError> {
        if self.log.size_bytes() > LOG_REWRITE_BYTES {
            let bytes = self.log.read()?;
            let kept = wal::retain(&bytes, write.height).map_err(|source| LogError::Log {
                path: self.log.path().to_owned(),
                source,
            })?;
            self.log.replace(&kept)?;
        }
        self.log.append(&wal::encode(&write.records))?;
        if let Some(record) = &write.guard {
            self.guard.append(&guard::encode_record(record))?;
            if self.guard.size_bytes() > guard::REWRITE_BYTES as u64 {
                let state = read_guard(&mut self.guard)?;
                let genesis = self.genesis;
                self.guard
                    .replace_with(|id| Home::new(genesis, id).file(&state))?;
            }
        }
        Ok(())
    }
}

impl LogSender {
    /// Hands over a write; `false` if the thread is gone or too far behind.
    pub(super) fn write(&self, write: LogWrite) -> bool {
        self.queue.try_send(write).is_ok()
    }
}

/// A guard that cannot be read is kept for whoever wants to know what became of it.
fn keep_aside(guard: &Appender, recovered: &Recovered) -> Result<(), LogError> {
    let damaged = matches!(recovered.doubt, Some(Doubt::GuardDamaged { .. }));
    if damaged {
        std::fs::copy(guard.path(), guard.path().with_extension("damaged"))
            .map_err(|source| guard.failed(source))?;
    }
    Ok(())
}

fn read_guard(file: &mut Appender) -> Result<GuardState, LogError> {
    let bytes = file.read()?;
    let (state, good_bytes) = guard::decode(&bytes).map_err(|source| LogError::Guard {
        path: file.path().to_owned(),
        source,
    })?;
    file.cut(good_bytes)?;
    Ok(state)
}

#[cfg(test)]
mod tests;
