//! A node that is asked to stop does so: exit code 0, with nothing left to clean up, also on a
//! machine that is busy. The log tells the beginning and the end of it.
//!
//! `STARLING_STOPS` says how often (default 12).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use starling_tests::campaign;
use starling_tests::testnet::{ByHand, Testnet, wait_for};

const BUSY_LOOPS: usize = 2;
/// Clients that read the chain while the node stops.
const READERS: usize = 3;
/// Longest time from a first block to the signal.
const PAUSE_MS: u64 = 300;

/// A validator of a network of one, run by hand.
struct Lone {
    testnet: Testnet,
    http: SocketAddr,
    _alone: ByHand,
}

impl Lone {
    fn new() -> Self {
        let (testnet, url, alone) = Testnet::by_hand();
        let http = url.strip_prefix("http://").expect("an address");
        let http = http.parse().expect("an address");
        Self {
            testnet,
            http,
            _alone: alone,
        }
    }

    /// Starts it under `launcher`, a program that runs what follows.
    fn start(&self, launcher: &[&str]) -> Run<'_> {
        let mut command = Command::new(launcher[0]);
        self.testnet.environment(&mut command);
        let log = self.testnet.home().join("log");
        command
            .args(&launcher[1..])
            .arg(self.testnet.binary())
            .args(["node", "run", "--config"])
            .arg(self.testnet.folder().join("n1/node.toml"))
            .stdin(Stdio::null())
            .stderr(File::create(&log).expect("a file"));
        let node = command.spawn().expect("the binary starts");
        Run { lone: self, node }
    }

    /// What it has said so far; nothing before a shell has made the file.
    fn log(&self) -> String {
        fs::read_to_string(self.testnet.home().join("log")).unwrap_or_default()
    }
}

/// A node that runs.
struct Run<'a> {
    lone: &'a Lone,
    node: Child,
}

impl Run<'_> {
    /// Waits until the log has `words` `count` times.
    fn told(&mut self, words: &str, count: usize) {
        wait_for(words, || {
            let ended = self.node.try_wait().expect("a child");
            assert_eq!(ended, None, "it ended: {}", self.lone.log());
            (self.lone.log().matches(words).count() >= count).then_some(())
        });
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill
            .args(["-s", name, &self.node.id().to_string()])
            .status();
        assert!(sent.expect("it runs").success());
    }

    /// Waits for its end, which has to be a clean one.
    fn ends_well(mut self, why: &str) {
        let status = wait_for("its end", || self.node.try_wait().expect("a child"));
        let log = self.lone.log();
        assert_eq!(status.code(), Some(0), "{status}: {log}");
        let stopping = format!("stopping why=\"{why}\"");
        let (begun, ended) = (log.find(&stopping), log.find("stopped milliseconds="));
        assert!(begun.is_some() && begun < ended, "{log}");
        assert!(!log.contains("ERROR"), "{log}");
        let mark = self.lone.testnet.data_of("n1").join("running");
        assert!(!mark.exists(), "it says that it still runs");
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // It has ended already where the test succeeded.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// Threads that go on until this is dropped.
struct Beside {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Beside {
    fn start(count: usize, work: impl Fn() + Send + Clone + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let repeat = |_| {
            let (over, work) = (Arc::clone(&over), work.clone());
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    work();
                }
            })
        };
        let threads = (0..count).map(repeat).collect();
        Self { over, threads }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A low-priority process that keeps a core busy.
struct BusyLoop(Child);

impl BusyLoop {
    fn start() -> Self {
        let mut command = Command::new("nice");
        command.args(["-n", "19", "sh", "-c", "while :; do :; done"]);
        Self(command.spawn().expect("it runs"))
    }
}

impl Drop for BusyLoop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for a range of blocks, and reads what comes.
fn read_blocks(http: SocketAddr) {
    let ask = || -> io::Result<()> {
        let mut stream = TcpStream::connect(http)?;
        let path = "/rpc/blocks?from=1&count=100";
        let head = format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        io::copy(&mut stream, &mut io::sink()).map(|_| ())
    };
    if ask().is_err() {
        // Nobody listens between two runs.
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_node_that_is_asked_to_stop_ends_well_on_a_busy_machine() {
    let lone = Lone::new();
    let stops = campaign::setting("STARLING_STOPS", 12);
    let _busy: Vec<_> = (0..BUSY_LOOPS).map(|_| BusyLoop::start()).collect();
    let http = lone.http;
    let _readers = Beside::start(READERS, move || read_blocks(http));
    for number in 0..stops {
        let mut run = lone.start(&["env"]);
        run.told("block final", 1);
        let pause = campaign::draw(1, number, "pause") % PAUSE_MS;
        thread::sleep(Duration::from_millis(pause));
        run.signal("TERM");
        run.ends_well("SIGTERM");
    }
}

#[test]
fn a_hang_up_is_no_end_for_what_has_no_terminal() {
    let lone = Lone::new();
    let mut daemon = lone.start(&["setsid"]);
    daemon.told("ready", 1);
    daemon.signal("HUP");
    daemon.told("SIGHUP", 1);
    let blocks = lone.log().matches("block final").count();
    daemon.told("block final", blocks + 3);
    daemon.signal("TERM");
    daemon.ends_well("SIGTERM");
}

/// What a closed window or a lost connection does: `script` is the terminal, and is killed.
#[test]
fn a_node_whose_terminal_goes_away_stops_in_good_order() {
    let lone = Lone::new();
    let (binary, folder) = (lone.testnet.binary(), lone.testnet.folder());
    let (binary, folder) = (binary.display(), folder.display());
    let words = format!("exec {binary} node run --config {folder}/n1/node.toml 2>log");
    let mut command = Command::new("script");
    lone.testnet.environment(&mut command);
    let arguments = ["--quiet", "--command", &words, "/dev/null"];
    command.args(arguments).stdin(Stdio::piped());
    let node = command.spawn().expect("it is part of every Debian");
    let mut run = Run { lone: &lone, node };
    run.told("block final", 1);
    run.node.kill().expect("a child");
    wait_for("its end", || lone.log().contains("stopped ").then_some(()));
    let log = lone.log();
    assert!(log.contains("stopping why=\"SIGHUP\""), "{log}");
    let mark = lone.testnet.data_of("n1").join("running");
    assert!(!mark.exists(), "it says that it still runs");
}
