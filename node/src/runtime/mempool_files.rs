//! The files that bring waiting transactions over a restart, and the thread that syncs one of them.
//!
//! What is submitted here is appended to the journal and synced before it is answered. All that
//! waits while a sync is under way goes into the next one, so that thousands of submissions a
//! second share some hundred syncs; neither store nor consensus log ever wait for it. The first
//! error ends the thread and stops the node: what cannot be kept must not be accepted. At a clean
//! stop the whole mempool is written beside `mempool.dat` and renamed.
//!
//! Nothing that stands in these files keeps a node from starting. What is not readable is left out,
//! and said.
//!
//! # Limits
//! [`KEEPS_MAX`] submissions wait for their sync. Writing the mempool takes [`DUMP_TIME`] and what
//! is left then is left out; it is given up after [`DUMP_PATIENCE`].

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use starling_ledger::hash::Hash;
use starling_ledger::transaction::RawTransaction;
use tokio::sync::mpsc::UnboundedSender;

use super::appender::{Appender, FileError, sync_folder};
use super::threads::Thread;
use crate::core::{KEEPS_MAX, KeepId, KeepWrite, Restored};
use crate::mempool::file::{self, Contents, FILE_BYTES_MAX};
use crate::mempool::{Journal, JournalWrite};

/// Name of the journal of own submissions in the folder of a node.
const JOURNAL_NAME: &str = "submissions.log";
/// Name of the file with all that waited at a clean stop.
const DUMP_NAME: &str = "mempool.dat";
/// How long a stopping node writes what waits. Our choice: a full mempool at 64 MB a second.
const DUMP_TIME: Duration = Duration::from_secs(1);
/// How long a stopping node waits for the last sync of that. Our choice: with all else that a stop
/// takes, less than the five seconds that an operator gives it.
const DUMP_PATIENCE: Duration = Duration::from_secs(3);
/// After how many bytes what waits is synced, so that the last sync is a short one.
const DUMP_SYNC_BYTES: usize = 4 << 20;

/// What a finished sync reports: up to which submission all is kept.
pub(super) type Kept = Result<KeepId, FileError>;

/// An open journal, before the thread starts.
pub(super) struct MempoolFiles {
    journal: Journal,
    file: Appender,
    /// Where the other file is, and whose.
    dump: (PathBuf, Hash),
}

/// Hands over what is submitted, and in the end what waits.
pub(super) struct Submissions {
    queue: mpsc::SyncSender<KeepWrite>,
    dump: (PathBuf, Hash),
    _writer: Thread,
}

/// The writing of what waits, under way.
pub(super) struct Dump {
    path: PathBuf,
    result: mpsc::Receiver<io::Result<usize>>,
    deadline: Instant,
    count: usize,
}

impl MempoolFiles {
    /// Opens the files of `folder`, cuts off what a crash tore, and returns what waited.
    ///
    /// # Errors
    /// [`FileError`] if the file system refuses something of the journal.
    pub(super) fn open(folder: &Path, genesis: Hash) -> Result<(Self, Restored), FileError> {
        let (journal, file) = open_journal(&folder.join(JOURNAL_NAME), genesis)?;
        let dump = (folder.join(DUMP_NAME), genesis);
        let restored = Restored {
            own: journal.open().cloned().collect(),
            others: read_dump(&dump.0, &genesis),
        };
        let files = Self {
            journal,
            file,
            dump,
        };
        Ok((files, restored))
    }

    /// Starts the thread; every sync is reported to `results`.
    ///
    /// # Errors
    /// An I/O error if the thread cannot be started.
    pub(super) fn start(mut self, results: UnboundedSender<Kept>) -> io::Result<Submissions> {
        let dump = self.dump.clone();
        let (sender, queue) = mpsc::sync_channel::<KeepWrite>(KEEPS_MAX);
        let writer = Thread::start("keep", move || {
            while let Ok(first) = queue.recv() {
                let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter()).collect();
                let up_to = batch.last().map_or(KeepId(0), |last| last.id);
                let result = self.write(&batch).map(|()| up_to);
                let failed = result.is_err();
                if results.send(result).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(Submissions {
            queue: sender,
            dump,
            _writer: writer,
        })
    }

    fn write(&mut self, batch: &[KeepWrite]) -> Result<(), FileError> {
        match self.journal.write(batch) {
            JournalWrite::Append(bytes) => self.file.append(&bytes),
            JournalWrite::Replace(bytes) => self.file.replace(&bytes),
        }
    }
}

impl Submissions {
    /// Hands over a submission; `false` if the thread is gone or too far behind.
    pub(super) fn keep(&self, write: KeepWrite) -> bool {
        self.queue.try_send(write).is_ok()
    }

    /// Begins to write `waiting`, all that waits when the node stops.
    ///
    /// # Errors
    /// An I/O error if the thread cannot be started.
    pub(super) fn dump(&self, waiting: Vec<RawTransaction>) -> io::Result<Dump> {
        let (path, genesis) = self.dump.clone();
        let (now, count) = (Instant::now(), waiting.len());
        let (done, result) = mpsc::channel();
        let to = path.clone();
        thread::Builder::new().name("dump".into()).spawn(move || {
            // Nobody listens any more where this took too long.
            let _ = done.send(dump(&to, genesis, &waiting, now + DUMP_TIME));
        })?;
        let deadline = now + DUMP_PATIENCE;
        Ok(Dump {
            path,
            result,
            deadline,
            count,
        })
    }
}

fn open_journal(path: &Path, genesis: Hash) -> Result<(Journal, Appender), FileError> {
    let failed = |source| FileError {
        path: path.to_owned(),
        source,
    };
    let mut file = Appender::open(path.to_owned())?;
    let (bytes, whole) = read(path).map_err(failed)?;
    let contents = match file::decode(&bytes, &genesis) {
        Ok(contents) => contents,
        Err(foreign) => {
            let aside = path.with_extension("aside");
            fs::rename(path, &aside).map_err(failed)?;
            tracing::warn!(
                "{}: {foreign}; it is put aside as {}, and nothing of it is used",
                path.display(),
                aside.display()
            );
            file = Appender::open(path.to_owned())?;
            Contents::default()
        }
    };
    tell(path, &contents, whole);
    let journal = Journal::new(genesis, &contents.transactions, contents.good_bytes);
    if contents.damaged > 0 || !whole {
        file.replace(&journal.whole())?;
    } else {
        file.cut(contents.good_bytes)?;
    }
    Ok((journal, file))
}

/// Reads what waited at the last clean stop. It is nobody's promise, so whatever is wrong with the
/// file is said, and no more.
fn read_dump(path: &Path, genesis: &Hash) -> Vec<RawTransaction> {
    let (bytes, whole) = match read(path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "{} cannot be read and is left out", path.display());
            return Vec::new();
        }
    };
    match file::decode(&bytes, genesis) {
        Ok(contents) => {
            tell(path, &contents, whole);
            contents.transactions
        }
        Err(foreign) => {
            tracing::warn!("{}: {foreign}; nothing of it is used", path.display());
            Vec::new()
        }
    }
}

/// Says what of a file could not be read.
fn tell(path: &Path, contents: &Contents, whole: bool) {
    let (path, readable) = (path.display(), contents.transactions.len());
    if contents.damaged > 0 {
        let damaged = contents.damaged;
        tracing::warn!(
            "{path} is damaged in {damaged} places; {readable} transactions are readable"
        );
    }
    if !whole {
        tracing::warn!("{path} is longer than {FILE_BYTES_MAX} bytes; what is behind is left out");
    }
}

/// Reads a file up to the limit, and says whether that is all of it.
fn read(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok((bytes, length <= FILE_BYTES_MAX as u64))
}

impl Dump {
    /// Waits until it is written, or for as long as a stop may take, and says what came of it.
    pub(super) fn finish(self) {
        let (path, count) = (self.path.display(), self.count);
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.result.recv_timeout(left) {
            Ok(Ok(written)) if written == count => {
                tracing::info!("what waits is kept in {path}: {count} transactions");
            }
            Ok(Ok(written)) => tracing::warn!(
                "of what waits, {written} of {count} are kept in {path}: there was no time for \
                 more; what was submitted here is kept apart"
            ),
            Ok(Err(error)) => tracing::warn!(
                %error,
                "{path} cannot be written: of what waited, only what was submitted here is kept"
            ),
            Err(_) => tracing::warn!(
                "{path} was not written in time: of what waited, only what was submitted here is \
                 kept"
            ),
        }
    }
}

/// Writes what waits beside the file of the last stop and puts it in its place; returns how many
/// there was time for.
fn dump(
    path: &Path,
    genesis: Hash,
    waiting: &[RawTransaction],
    deadline: Instant,
) -> io::Result<usize> {
    let beside = path.with_extension("new");
    let written = write_beside(&beside, genesis, waiting, deadline).and_then(|written| {
        fs::rename(&beside, path)?;
        sync_folder(path)?;
        Ok(written)
    });
    if written.is_err() {
        // Its room may be what the disk lacks.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_beside(
    path: &Path,
    genesis: Hash,
    waiting: &[RawTransaction],
    deadline: Instant,
) -> io::Result<usize> {
    let mut file = File::create(path)?;
    file.write_all(&file::header(genesis))?;
    let (mut written, mut unsynced) = (0, 0);
    for (bytes, count) in file::frames(waiting) {
        if Instant::now() >= deadline {
            break;
        }
        file.write_all(&bytes)?;
        written += count;
        unsynced += bytes.len();
        if unsynced >= DUMP_SYNC_BYTES {
            file.sync_data()?;
            unsynced = 0;
        }
    }
    file.sync_all()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const GENESIS: Hash = Hash([7; 32]);

    fn raw(number: u8) -> RawTransaction {
        RawTransaction(vec![number; 200].into())
    }

    fn open(folder: &TempDir) -> (MempoolFiles, Restored) {
        MempoolFiles::open(folder.path(), GENESIS).unwrap()
    }

    /// Starts the thread on the files of `folder`, keeps one after the other, and ends it.
    fn keep(folder: &TempDir, numbers: impl Iterator<Item = u8>) {
        let (results, mut kept) = tokio::sync::mpsc::unbounded_channel();
        let submissions = open(folder).0.start(results).unwrap();
        let mut last = KeepId(0);
        for number in numbers {
            last = KeepId(last.0 + 1);
            assert!(submissions.keep(KeepWrite {
                id: last,
                transaction: raw(number),
                gone: Vec::new(),
            }));
        }
        let mut durable = KeepId(0);
        while durable < last {
            let up_to = kept.blocking_recv().unwrap().unwrap();
            assert!(up_to > durable, "syncs are reported in order");
            durable = up_to;
        }
    }

    #[test]
    fn what_is_kept_is_found_at_the_next_start_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open(&folder).1, Restored::default());
        keep(&folder, 0..20);
        keep(&folder, 20..25);
        assert_eq!(open(&folder).1.own, (0..25).map(raw).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_tail_is_cut_and_damage_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL_NAME);
        for number in 0..3 {
            keep(&folder, number..=number);
        }
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(open(&folder).1.own, [raw(0), raw(1)]);
        keep(&folder, 7..=7);
        assert_eq!(open(&folder).1.own, [raw(0), raw(1), raw(7)]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[200] ^= 1;
        fs::write(&path, bytes).unwrap();
        let found = open(&folder).1.own;
        assert_eq!(found, [raw(1), raw(7)]);
        let rewritten = file::decode(&fs::read(&path).unwrap(), &GENESIS).unwrap();
        assert_eq!((rewritten.damaged, rewritten.transactions), (0, found));
    }

    #[test]
    fn a_journal_of_another_network_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL_NAME);
        let other = [file::header(Hash([8; 32])), file::encode([&raw(1)])].concat();
        fs::write(&path, &other).unwrap();
        assert_eq!(open(&folder).1, Restored::default());
        assert_eq!(fs::read(path.with_extension("aside")).unwrap(), other);
        keep(&folder, 2..=2);
        assert_eq!(open(&folder).1.own, [raw(2)]);
    }

    #[test]
    fn what_waits_at_a_stop_is_found_and_replaces_what_waited_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DUMP_NAME);
        for count in [40, 3] {
            let waiting: Vec<_> = (0..count).map(raw).collect();
            let (results, _kept) = tokio::sync::mpsc::unbounded_channel();
            let submissions = open(&folder).0.start(results).unwrap();
            submissions.dump(waiting.clone()).unwrap().finish();
            assert_eq!(open(&folder).1.others, waiting);
            assert!(!path.with_extension("new").exists());
        }
        let past = Instant::now();
        assert_eq!(dump(&path, GENESIS, &[raw(1)], past).unwrap(), 0);
        assert_eq!(open(&folder).1.others, [], "there was no time");
        // Whatever lies in its place, the node starts.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(dump(&path, GENESIS, &[raw(1)], past + DUMP_TIME).is_err());
        assert_eq!(open(&folder).1, Restored::default());
    }
}
