//! The control socket: what the operator of this machine asks of a running node.
//!
//! It lies in the node's folder, which only its owner may enter. One line comes in, one goes out:
//!
//! | asked | answered |
//! |---|---|
//! | `backup FOLDER` | `ok HEIGHT` or `error REASON` |
//!
//! # Limits
//! One client at a time; a line has at most [`LINE_BYTES_MAX`] and comes within [`PATIENCE`].

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use starling_ledger::chain::ChainStore;
use starling_ledger::storage::StorageError;

/// Name of the socket in the folder of a node.
const SOCKET_NAME: &str = "control.sock";
/// Most bytes of a line: the longest path, and a word.
const LINE_BYTES_MAX: u64 = 8 * 1024;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// Copies the open store into a folder; `None` where it is closed already.
pub type Checkpoint = Arc<dyn Fn(&Path) -> Option<Result<(), StorageError>> + Send + Sync>;

/// What a backup holds, for whoever finds it.
const README: &str = "\
A backup of a Starling ledger, made while the node was running.

ledger/       every block, certificate and the state, as of block {height}
genesis.toml  the network's birth document

Check it:  starling db check --data-dir THIS_FOLDER
Use it:    starling node run --genesis genesis.toml --data-dir A_COPY_OF_THIS_FOLDER

No key is in it, no sign guard and no consensus log, on purpose: a validator that was restored with
an old guard could sign twice what it has signed once, and lose its stake. A validator that starts
from a backup watches the network before it signs.
";

/// The open control socket. Once it is closed, nothing asked there reads the store.
///
/// The thread behind it ends with the process: it waits for clients, and holds nothing meanwhile.
pub(super) struct Control {
    /// Taken while a request is under way; `None` when the node ends.
    store: Arc<Mutex<Option<Store>>>,
}

/// What requests are about.
struct Store {
    chain: Arc<ChainStore>,
    checkpoint: Checkpoint,
}

impl Control {
    /// Listens until this is dropped.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub(super) fn start(
        data_dir: &Path,
        chain: &Arc<ChainStore>,
        checkpoint: Checkpoint,
    ) -> io::Result<Self> {
        let listener = listen(data_dir)?;
        let chain = Arc::clone(chain);
        let store = Arc::new(Mutex::new(Some(Store { chain, checkpoint })));
        let served = Arc::clone(&store);
        let thread = thread::Builder::new().name("control".into());
        thread.spawn(move || {
            for client in listener.incoming().flatten() {
                if let Err(error) = serve(client, &served) {
                    tracing::debug!(%error, "a client of the control socket went away");
                }
            }
        })?;
        Ok(Self { store })
    }
}

impl Drop for Control {
    /// Waits for the backup that is being made, if one is.
    fn drop(&mut self) {
        let store = self.store.try_lock();
        if matches!(store, Err(TryLockError::WouldBlock)) {
            tracing::info!("a backup is being made: the node stops after it");
        }
        drop(store);
        *lock(&self.store) = None;
    }
}

fn lock(store: &Mutex<Option<Store>>) -> MutexGuard<'_, Option<Store>> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    let (folder, path) = reachable(data_dir)?;
    // What an earlier run left; nobody listens there, because the store is locked.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    drop(folder);
    Ok(listener)
}

/// Asks the node that runs on `data_dir`, and returns what it answers.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if no node runs there.
pub fn ask(data_dir: &Path, line: &str) -> io::Result<String> {
    let (_folder, path) = reachable(data_dir)?;
    let mut stream = UnixStream::connect(path)?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    stream.take(LINE_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// A path to the socket that is short, however deep the folder lies: names of sockets have about a
/// hundred bytes. It is valid as long as the folder is held open.
fn reachable(data_dir: &Path) -> io::Result<(fs::File, PathBuf)> {
    let folder = fs::File::open(data_dir)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let path = match short.exists() {
        true => short.join(SOCKET_NAME),
        false => data_dir.join(SOCKET_NAME),
    };
    Ok((folder, path))
}

fn serve(mut client: UnixStream, store: &Mutex<Option<Store>>) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    let reader = client.try_clone()?.take(LINE_BYTES_MAX);
    BufReader::new(reader).read_line(&mut line)?;
    let answer = match line
        .strip_suffix('\n')
        .and_then(|line| line.split_once(' '))
    {
        Some(("backup", folder)) => match backup(Path::new(folder), lock(store).as_ref()) {
            Ok(height) => format!("ok {height}"),
            Err(reason) => format!("error {}", reason.replace('\n', " ")),
        },
        _ => "error this node knows `backup FOLDER`".to_owned(),
    };
    writeln!(client, "{answer}")
}

/// Makes a backup in `folder`, which comes into being when it is complete.
fn backup(folder: &Path, store: Option<&Store>) -> Result<u64, String> {
    let store = store.ok_or("the node is stopping")?;
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    if !folder.is_absolute() {
        return Err("the folder of a backup is named by its whole path".to_owned());
    }
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !empty {
        return Err(format!("{} is not empty", folder.display()));
    }
    let mut unfinished = folder.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    remove(&unfinished).map_err(at(&unfinished))?;
    let made = fill(&unfinished, store);
    let put = made.and_then(|height| {
        fs::rename(&unfinished, folder).map_err(at(folder))?;
        let parent = folder.parent().unwrap_or(folder);
        sync(parent).map_err(at(parent))?;
        Ok(height)
    });
    if put.is_err() {
        // What was begun is of no use to anybody.
        let _ = remove(&unfinished);
    }
    put
}

fn fill(folder: &Path, store: &Store) -> Result<u64, String> {
    let at = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(at)?;
    // Read before the copy is made: what it holds is at least this.
    let read = store.chain.read();
    let tip = read.tip().map_err(|error| error.to_string())?;
    let genesis = read.genesis().map_err(|error| error.to_string())?;
    let (height, _) = tip.ok_or("no chain has begun")?;
    let genesis = genesis.ok_or("no chain has begun")?;
    let copied = (store.checkpoint)(&folder.join("ledger"));
    let copied = copied.ok_or("the node is stopping")?;
    copied.map_err(|error| error.to_string())?;
    let readme = README.replace("{height}", &height.to_string());
    for (name, text) in [("genesis.toml", genesis.to_toml()), ("README", readme)] {
        let mut file = fs::File::create(folder.join(name)).map_err(at)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(at)?;
    }
    sync(folder).map_err(at)?;
    Ok(height)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
