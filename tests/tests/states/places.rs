//! The six places in which a node's state is told, and a node that a test runs by hand.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use starling_tests::testnet::{Testnet, exchange, metric, wait_for};

/// All states.
const WORDS: [&str; 10] = [
    "RUNNING",
    "ALONE",
    "OTHER NETWORK",
    "CLOCK",
    "PRUNED",
    "BEHIND",
    "HALTED",
    "EXCLUDED",
    "JAILED",
    "WATCHING",
];

/// Where one node tells its state.
pub(crate) struct Places<'test> {
    testnet: &'test Testnet,
    url: String,
    log: PathBuf,
}

/// A node to be run by hand.
pub(crate) struct Hand {
    name: String,
    genesis: PathBuf,
    flags: Vec<String>,
    preload: Option<(PathBuf, i64)>,
}

/// A node that runs until it is dropped.
pub(crate) struct Running {
    process: Child,
    url: String,
    log: PathBuf,
}

impl<'test> Places<'test> {
    /// Those of a node of the testnet.
    pub(crate) fn of(testnet: &'test Testnet, node: &str) -> Self {
        Self {
            testnet,
            url: testnet.url_of(node).expect("it runs"),
            log: testnet.folder().join(node).join("log"),
        }
    }

    /// Those of a node that the test runs.
    pub(crate) fn by_hand(testnet: &'test Testnet, hand: &Running) -> Self {
        Self {
            testnet,
            url: hand.url.clone(),
            log: hand.log.clone(),
        }
    }

    /// Where the node serves HTTP.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The answer to `status`.
    pub(crate) fn status(&self) -> Option<Value> {
        let (_, envelope) = self.testnet.envelope(&["status", "--node", &self.url]);
        (envelope["ok"] == true).then(|| envelope["data"].clone())
    }

    /// Waits for the word in the log, and finds it in the other five places; the node is not ready.
    pub(crate) fn shows(&self, word: &str, status_exit: i32, send_exit: i32) {
        self.waits_for(word);
        self.tells(word, (503, "not ready"), status_exit);
        let node = ["--node", &self.url];
        let send = ["send", "alice", "bob", "1", "--timeout", "3s"];
        // On a machine that has seen nothing of the chain: else it would refuse a node that is
        // behind what it has verified.
        let mut send = self.testnet.command(&[&send[..], &node].concat());
        send.env("XDG_DATA_HOME", self.testnet.home().join("fresh"));
        let sent = send.output().expect("the binary starts");
        let told = String::from_utf8_lossy(&sent.stderr);
        assert_eq!(sent.status.code(), Some(send_exit), "{told}");
        let line = told
            .lines()
            .find(|line| line.contains(" waiting "))
            .unwrap_or_default();
        assert!(line.contains(word), "no {word} in: {told}");
        let end = told
            .lines()
            .find(|line| line.contains("accepted by"))
            .unwrap_or_default();
        assert!(end.contains(word), "no {word} in: {told}");
    }

    /// The same for a state in which the node is ready and the network goes on: payments are made.
    pub(crate) fn shows_and_pays(&self, word: &str) {
        self.waits_for(word);
        self.tells(word, (200, "ready"), 0);
        let paid = ["send", "alice", "bob", "1", "--node", &self.url];
        assert_eq!(self.testnet.data(&paid)["status"], "final");
    }

    /// Waits until all is well, in all places but the log, which does not say so at the start.
    pub(crate) fn shows_running(&self) {
        wait_for("a node that is well", || {
            let state = &self.status()?["state"];
            (state["word"] == "RUNNING" && state["ready"] == true).then_some(())
        });
        self.tells("RUNNING", (200, "ready"), 0);
    }

    fn waits_for(&self, word: &str) {
        wait_for(word, || {
            let state = format!("{word}: ");
            let log = self.log();
            let mut lines = log.lines();
            let entered = lines.any(|line| line.contains("WARN") && line.contains(&state));
            entered.then_some(())
        });
    }

    fn tells(&self, word: &str, (code, readiness): (u16, &str), exit: i32) {
        let told = self.testnet.run(&["status", "--node", &self.url]);
        let people = String::from_utf8_lossy(&told.stdout);
        assert!(people.contains(word), "no {word} in: {people}");
        assert_eq!(told.status.code(), Some(exit), "{people}");
        let status = self.status().expect("it answers");
        assert_eq!(status["state"]["word"], word, "{status}");
        assert_eq!(status["state"]["ready"], code == 200, "{status}");
        assert_eq!(status["consensus"]["halted"], word == "HALTED", "{status}");
        let ready = exchange(&self.url, "GET /readyz", "").expect("it answers");
        assert!(ready.starts_with(&format!("HTTP/1.1 {code}")), "{ready}");
        assert!(ready.contains(&format!("{readiness}: {word}: ")), "{ready}");
        for other in WORDS {
            let name = format!("starling_state{{state=\"{other}\"}}");
            let expected = Some(u64::from(other == word));
            assert_eq!(metric(&self.url, &name), expected, "{name}, in {word}");
        }
        let halted = metric(&self.url, "starling_consensus_halted");
        assert_eq!(halted, Some(u64::from(word == "HALTED")));
    }
}

impl Hand {
    /// A node with this genesis and these neighbours.
    pub(crate) fn new(name: &str, genesis: &Path, peers: &[&str]) -> Self {
        let flags = peers.iter().flat_map(|peer| ["--peer", peer]);
        Self {
            name: name.to_owned(),
            genesis: genesis.to_owned(),
            flags: flags.map(str::to_owned).collect(),
            preload: None,
        }
    }

    /// The same with more flags.
    pub(crate) fn with(mut self, flags: &[&str]) -> Self {
        self.flags
            .extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// The same on a machine whose clock is ahead.
    pub(crate) fn with_clock(mut self, library: &Path, ahead_ms: i64) -> Self {
        self.preload = Some((library.to_owned(), ahead_ms));
        self
    }

    /// A validator of a testnet, which does not run, with its folder and its key.
    pub(crate) fn validator(testnet: &Testnet, node: &str, peers: &[&str]) -> Self {
        let folder = testnet.folder().join(node);
        let text = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
        let flags = [
            ("--data-dir", text("data")),
            ("--validator-key", text("validator.key")),
        ];
        let flags: Vec<_> = flags
            .iter()
            .flat_map(|(name, path)| [*name, path])
            .collect();
        Self::new(node, &genesis_of(testnet), peers).with(&flags)
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(self, testnet: &Testnet) -> Running {
        let (http, listen) = free_ports();
        let mut command = testnet.command(&["node", "run", "--http", &http]);
        if !self.flags.iter().any(|flag| flag == "--listen") {
            command.args(["--listen", &listen]);
        }
        command.arg("--genesis").arg(&self.genesis);
        if !self.flags.iter().any(|flag| flag == "--data-dir") {
            command
                .arg("--data-dir")
                .arg(testnet.home().join(&self.name));
        }
        command.args(&self.flags);
        if let Some((library, ahead_ms)) = &self.preload {
            command.env("LD_PRELOAD", library);
            command.env("CLOCK_AHEAD_MS", ahead_ms.to_string());
        }
        let log = testnet.home().join(&self.name).with_extension("log");
        let file = fs::File::create(&log).expect("a log");
        command.stdout(Stdio::null()).stderr(file);
        let mut running = Running {
            process: command.spawn().expect("the binary starts"),
            url: format!("http://{http}"),
            log,
        };
        wait_for("a node by hand", || {
            let ended = running.process.try_wait().expect("a child");
            let log = || fs::read_to_string(&running.log).unwrap_or_default();
            assert_eq!(ended, None, "{}", log());
            exchange(&running.url, "GET /healthz", "").map(drop)
        });
        running
    }
}

impl Running {
    /// Where it serves HTTP.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Finds ports for HTTP and for neighbours, and lets go of them.
fn free_ports() -> (String, String) {
    let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = |at: std::io::Result<SocketAddr>| at.expect("an address").to_string();
    (address(http.local_addr()), address(listen.local_addr()))
}

/// Where the node that serves HTTP at `url` listens.
pub(crate) fn listen_at(testnet: &Testnet, url: &str) -> String {
    let (_, envelope) = testnet.envelope(&["status", "--node", url]);
    let listen = envelope["data"]["node"]["listen"].as_str();
    listen.expect("an address").to_owned()
}

/// Where a node of a testnet listens.
pub(crate) fn listen_of(testnet: &Testnet, node: &str) -> String {
    let status = testnet.status_of(node).expect("it answers");
    status["node"]["listen"]
        .as_str()
        .expect("an address")
        .to_owned()
}

/// The genesis of a testnet.
pub(crate) fn genesis_of(testnet: &Testnet) -> PathBuf {
    testnet.folder().join("genesis.toml")
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.expect("cp runs").success());
    // A node that runs holds it; it is no part of the copy.
    let _ = fs::remove_file(to.join("control.sock"));
}
