//! The supervisor's control socket: one request and one reply per connection, each a line of JSON.
//!
//! The socket lies in the testnet's folder, which only its owner can enter.
//!
//! # Limits
//! A line is at most [`LINE_BYTES_MAX`].

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;

use super::child::State;
use super::folder::Folder;
use super::supervisor::Message;

/// Most bytes of a request or reply: 64 nodes need some 10 kB.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Longest wait for the supervisor: stopping a node takes at most 8 s.
const TIMEOUT: Duration = Duration::from_secs(30);
const SOCKET: &str = "control.sock";

/// What the supervisor can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "node", rename_all = "lowercase")]
pub(crate) enum Request {
    /// How are the nodes?
    Status,
    /// Kill a node, as a crash would.
    Kill(String),
    /// Start a node that does not run.
    Start(String),
    /// Freeze a node.
    Pause(String),
    /// Let a frozen node go on.
    Resume(String),
    /// Stop everything in good order.
    Stop,
}

/// What it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// What went wrong.
    #[serde(default)]
    pub(crate) error: Option<String>,
    /// How the nodes are now.
    #[serde(default)]
    pub(crate) nodes: Vec<NodeReport>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    /// Its name.
    pub(crate) name: String,
    /// What became of it.
    pub(crate) state: State,
    /// Its process id, while it has one.
    pub(crate) pid: Option<u32>,
    /// Its exit code, if it ended by itself.
    pub(crate) exit: Option<u8>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// Asks the supervisor of `folder`.
///
/// # Errors
/// [`Exit::Unreachable`] if it does not run, [`Exit::Failure`] with what it says went wrong.
pub(crate) fn call(folder: &Folder, request: &Request) -> Outcome<Reply> {
    let reply = exchange(folder, request).map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                format!("testnet \"{}\" is not running", folder.name())
            }
            _ => format!("testnet \"{}\" does not answer: {error}", folder.name()),
        };
        CliError::new(Exit::Unreachable, message)
            .next(format!("starling testnet up{}", folder.flag()))
    })?;
    match reply.error {
        Some(error) => Err(CliError::new(Exit::Failure, error)
            .next(format!("starling testnet status{}", folder.flag()))),
        None => Ok(reply),
    }
}

fn exchange(folder: &Folder, request: &Request) -> io::Result<Reply> {
    let (_open, path) = socket(folder)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write_line(&mut stream, request)?;
    read_line(&stream)
}

/// Listens for requests and passes them on, each with the way to answer it. The caller holds the
/// lock.
///
/// # Errors
/// If the system refuses.
pub(crate) fn listen(folder: &Folder, inbox: Sender<Message>) -> io::Result<()> {
    let (_open, path) = socket(folder)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let serve = move || {
        for stream in listener.incoming().flatten() {
            let inbox = inbox.clone();
            // A client that hangs must not keep the others waiting.
            let thread = thread::Builder::new().name("control".to_owned());
            let _ = thread.spawn(move || answer(stream, &inbox));
        }
    };
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(serve)?;
    Ok(())
}

fn answer(mut stream: UnixStream, inbox: &Sender<Message>) {
    let _ = stream.set_read_timeout(Some(TIMEOUT));
    let Ok(request) = read_line(&stream) else {
        return;
    };
    let _ = stream.set_write_timeout(Some(TIMEOUT));
    // Without a buffer: the supervisor sees by its next send when the reply is written.
    let (sender, receiver): (SyncSender<Reply>, _) = sync_channel(0);
    if inbox.send(Message::Request(request, sender)).is_ok()
        && let Ok(reply) = receiver.recv()
    {
        let _ = write_line(&mut stream, &reply);
    }
}

fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn read_line<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// Returns the socket's path through the open folder: the path of a socket has at most 107 bytes,
/// that of a folder may be longer.
fn socket(folder: &Folder) -> io::Result<(File, PathBuf)> {
    let open = File::open(folder.path())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(SOCKET);
    Ok((open, path))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn request_and_reply_cross_the_socket_of_a_long_path() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("long".repeat(30));
        fs::create_dir(&path).unwrap();
        let folder = Folder::at(&path);
        assert_eq!(
            call(&folder, &Request::Status).unwrap_err().exit,
            Exit::Unreachable
        );
        let (inbox, outbox) = channel();
        listen(&folder, inbox).unwrap();
        let serve = thread::spawn(move || {
            let Message::Request(request, sender) = outbox.recv().unwrap() else {
                panic!("expected a request");
            };
            assert_eq!(request, Request::Kill("n2".to_owned()));
            let error = Some("no such node".to_owned());
            let nodes = Vec::new();
            sender.send(Reply { error, nodes }).unwrap();
            // Returns when the first was written, with an error as nobody takes it.
            sender.send(Reply::default()).unwrap_err();
        });
        let error = call(&folder, &Request::Kill("n2".to_owned())).unwrap_err();
        assert_eq!(error.message, "no such node");
        serve.join().unwrap();
    }
}
