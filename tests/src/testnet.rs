//! A testnet of real processes, driven through the command line as a person would.
//!
//! Each has its own state and data folders, so that tests run side by side, and is stopped when it
//! goes out of scope.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for anything before it gives up. Nothing is asserted about speed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Held by the one test of a process that runs a validator by hand.
static BY_HAND: Mutex<()> = Mutex::new(());

/// While this is held no other test of this process runs a validator by hand.
pub struct ByHand {
    _alone: MutexGuard<'static, ()>,
}

/// A testnet under test.
pub struct Testnet {
    home: TempDir,
    starling: PathBuf,
}

impl Testnet {
    /// Makes the folders; nothing runs yet.
    ///
    /// # Panics
    /// If the binary was not built beside the tests, or there is no room for a folder.
    pub fn new() -> Self {
        let starling = binary();
        assert!(
            starling.exists(),
            "{} is missing: run `make build`",
            starling.display()
        );
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
            starling,
        }
    }

    /// Starts `validators` validators in the background and waits for the first block.
    ///
    /// # Panics
    /// If they do not come up.
    pub fn up(validators: usize) -> Self {
        Self::up_with(validators, &[])
    }

    /// The same, with further flags of `testnet up`.
    ///
    /// # Panics
    /// If they do not come up.
    pub fn up_with(validators: usize, flags: &[&str]) -> Self {
        let testnet = Self::new();
        let count = validators.to_string();
        let up = ["testnet", "up", "-d", "--validators", &count];
        testnet.ok(&[&up[..], flags].concat());
        testnet
    }

    /// Makes a testnet of one validator and stops it, so that a test can run that by hand at the
    /// URL that is returned. A testnet that is stopped gives its ports back, so one test does at a
    /// time.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn by_hand() -> (Self, String, ByHand) {
        let alone = BY_HAND.lock().unwrap_or_else(PoisonError::into_inner);
        let testnet = Self::up(1);
        let url = testnet.url_of("n1").expect("it runs");
        testnet.stop();
        (testnet, url, ByHand { _alone: alone })
    }

    /// Stops a testnet and keeps its ports from others, so that a test can run its nodes by hand.
    /// The base is held as the supervisor holds it: drop it before `testnet up`.
    ///
    /// # Panics
    /// If it does not come up again where another testnet was quicker.
    pub fn stop_and_hold(&self) -> TcpListener {
        loop {
            let url = self.url_of("n1").expect("it runs");
            let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
            let first: u16 = port.expect("a URL ends with its port");
            self.stop();
            if let Ok(held) = TcpListener::bind(("127.0.0.1", first - 1)) {
                return held;
            }
            self.ok(&["testnet", "up", "-d"]);
        }
    }

    /// Returns the folder that is this testnet's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the path of the binary.
    pub fn binary(&self) -> &Path {
        &self.starling
    }

    /// Returns a command of the binary, with this testnet's folders.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.starling);
        self.environment(&mut command);
        command.args(arguments);
        command
    }

    /// Gives `command` this testnet's folders, and nothing of the caller's settings.
    pub fn environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STARLING_")) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.home())
            .env("XDG_STATE_HOME", self.home().join("state"))
            .env("XDG_DATA_HOME", self.home().join("data"))
            .env("NO_COLOR", "1")
            .current_dir(self.home());
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs the binary, which has to succeed, and returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{told}",
            output.status
        );
        String::from_utf8(output.stdout).expect("output is UTF-8")
    }

    /// Runs the binary with `--json` and returns exit code and envelope.
    ///
    /// # Panics
    /// If what it prints is not one JSON document.
    pub fn envelope(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        let value = serde_json::from_str(&text);
        let value = value.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"));
        (output.status.code().unwrap_or(-1), value)
    }

    /// Runs the binary with `--json`, which has to succeed, and returns the data.
    ///
    /// # Panics
    /// If it fails.
    pub fn data(&self, arguments: &[&str]) -> Value {
        let (code, envelope) = self.envelope(arguments);
        assert_eq!(code, 0, "{arguments:?}: {envelope}");
        assert_eq!(envelope["ok"], true, "{arguments:?}: {envelope}");
        envelope["data"].clone()
    }

    /// Runs a line of words with `--json`, which has to succeed, and returns the data.
    ///
    /// # Panics
    /// If it fails.
    pub fn told(&self, line: &str) -> Value {
        self.data(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a line of words with `--json`, which has to fail, and checks exit code and word.
    ///
    /// # Panics
    /// If it ends otherwise.
    pub fn refuses(&self, line: &str, code: i32, word: &str) {
        let (found, refusal) = self.envelope(&line.split_whitespace().collect::<Vec<_>>());
        let told = refusal["error"]["code"].as_str();
        assert_eq!((found, told), (code, Some(word)), "{line}: {refusal}");
    }

    /// Asks one node for its status; `None` if it does not answer.
    pub fn status_of(&self, node: &str) -> Option<Value> {
        let url = self.url_of(node)?;
        let (_, envelope) = self.envelope(&["status", "--node", &url]);
        // A node that is not ready has an exit code of its own.
        (envelope["ok"] == true).then(|| envelope["data"].clone())
    }

    /// Returns the address of a node's HTTP interface.
    pub fn url_of(&self, node: &str) -> Option<String> {
        let overview = self.data(&["testnet", "status"]);
        let nodes = overview["nodes"].as_array()?;
        let entry = nodes.iter().find(|entry| entry["name"] == node)?;
        Some(entry["http"].as_str()?.to_owned())
    }

    /// Returns the folder of the testnet.
    pub fn folder(&self) -> PathBuf {
        self.home().join("state/starling/testnets/local")
    }

    /// Returns the data folder of a node.
    pub fn data_of(&self, node: &str) -> PathBuf {
        self.folder().join(node).join("data")
    }

    /// Returns what a node has logged so far.
    pub fn log_of(&self, node: &str) -> String {
        let log = std::fs::read(self.folder().join(node).join("log"));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// Returns one number of a node's metrics; `None` if it does not answer or has no such number.
    pub fn metric_of(&self, node: &str, name: &str) -> Option<u64> {
        metric(&self.url_of(node)?, name)
    }

    /// Calls a method of a node's HTTP interface; `None` if it does not answer.
    pub fn call(&self, node: &str, method: &str, parameters: &Value) -> Option<Value> {
        let url = self.url_of(node)?;
        let host = url.strip_prefix("http://")?;
        let mut stream = TcpStream::connect(host).ok()?;
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let body = call.to_string();
        let request = format!(
            "POST /rpc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (_, answer) = text.split_once("\r\n\r\n")?;
        serde_json::from_str(answer).ok()
    }

    /// Waits until `nodes` have one block at the highest height that any of them has now.
    ///
    /// # Panics
    /// If they do not get there, or differ.
    pub fn same_head(&self, nodes: &[&str]) -> u64 {
        let heights = nodes.iter().map(|node| self.height_of(node));
        let height = heights.max().expect("at least one node");
        let blocks: Vec<Value> = nodes
            .iter()
            .map(|node| self.block_of(node, height))
            .collect();
        for block in &blocks {
            assert_eq!(block["hash"], blocks[0]["hash"], "height {height}");
            assert_eq!(block["state_root"], blocks[0]["state_root"]);
        }
        height
    }

    /// Waits until a node has the block at `height`, and returns it.
    ///
    /// # Panics
    /// If it does not get there.
    pub fn block_of(&self, node: &str, height: u64) -> Value {
        wait_for("a block", || {
            let url = self.url_of(node)?;
            let height = height.to_string();
            let (code, envelope) = self.envelope(&["block", &height, "--node", &url]);
            (code == 0).then(|| envelope["data"].clone())
        })
    }

    /// Stops the testnet in good order, so that its folders can be read.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&self) {
        self.ok(&["testnet", "stop"]);
    }

    /// Returns the height of a node; 0 if it does not answer.
    pub fn height_of(&self, node: &str) -> u64 {
        let status = self.status_of(node);
        status
            .and_then(|status| status["height"].as_u64())
            .unwrap_or(0)
    }
}

impl Default for Testnet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Testnet {
    fn drop(&mut self) {
        // A test that failed early has nothing to stop.
        drop(self.run(&["testnet", "stop"]));
    }
}

/// Returns one number of the metrics at `url`; `None` if nobody answers or there is no such number.
pub fn metric(url: &str, name: &str) -> Option<u64> {
    let text = exchange(url, "GET /metrics", "")?;
    let number = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    text.lines().find_map(number)
}

/// Calls a method of the node at `url`, past the command line; returns the whole answer.
///
/// # Panics
/// If it does not answer in JSON.
pub fn call(url: &str, method: &str, parameters: &Value) -> Value {
    try_call(url, method, parameters).unwrap_or_else(|| panic!("{url} does not answer {method}"))
}

/// The same; `None` if it does not answer.
pub fn try_call(url: &str, method: &str, parameters: &Value) -> Option<Value> {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    let answer = exchange(url, "POST /rpc", &call.to_string())?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

/// Sends one request; returns the answer with its head, `None` if there is none.
pub fn exchange(url: &str, request: &str, body: &str) -> Option<String> {
    let host = url.strip_prefix("http://")?;
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Waits until `done` returns something.
///
/// # Panics
/// After [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The binary beside the tests: `target/release/starling` for `target/release/deps/test`.
/// Returns where the binary is, beside the tests.
///
/// # Panics
/// If a test does not know its own path.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in release/deps");
    folder.join("starling")
}
