//! Wrong files, taken ports, foreign folders and garbage: clear words, the right exit code, and
//! nothing lost.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use starling_tests::testnet::{Testnet, wait_for};

/// A node beside the testnet, ended with its test.
struct Node {
    process: Child,
    log: PathBuf,
}

impl Node {
    fn start(testnet: &Testnet, genesis: &Path, data: &Path, more: &[&str]) -> Self {
        let mut command = testnet.command(&["node", "run"]);
        command.arg("--genesis").arg(genesis);
        command.arg("--data-dir").arg(data).args(more);
        let log = testnet.home().join("node.log");
        let file = fs::File::create(&log).expect("a log");
        command.stdout(Stdio::null()).stderr(file);
        Self {
            process: command.spawn().expect("the binary starts"),
            log,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// Waits for the end; returns exit code and words.
    fn end(mut self) -> (Option<i32>, String) {
        let ended = || self.process.try_wait().expect("a process");
        let status = wait_for("the node to refuse", ended);
        (status.code(), self.log())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Says that a node with these settings ends with `code` and these words.
fn refused(node: Node, code: i32, words: &[&str]) {
    let (found, text) = node.end();
    assert_eq!(found, Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

/// Writes a genesis of a network of this name.
fn genesis(testnet: &Testnet, name: &str) -> PathBuf {
    let path = testnet.home().join(format!("{name}.toml"));
    let output = path.to_str().expect("temporary paths are UTF-8");
    testnet.ok(&["genesis", "new", "--name", name, "--output", output]);
    path
}

#[test]
fn unknown_keys_of_config_and_genesis_are_named() {
    let testnet = Testnet::new();
    let config = testnet.home().join("node.toml");
    fs::write(&config, "lisen = \"127.0.0.1:7000\"\n").expect("a config");
    let config = config.to_str().expect("temporary paths are UTF-8");
    let refusal = testnet.run(&["node", "run", "--config", config]);
    let text = String::from_utf8_lossy(&refusal.stderr);
    assert_eq!(refusal.status.code(), Some(78), "{text}");
    assert!(
        text.contains("lisen") && text.contains("`listen`"),
        "{text}"
    );

    let garden = genesis(&testnet, "garden");
    let right = fs::read_to_string(&garden).expect("a genesis");
    fs::write(&garden, format!("colour = \"green\"\n{right}")).expect("a genesis");
    let data = testnet.home().join("data-of-none");
    refused(
        Node::start(&testnet, &garden, &data, &[]),
        78,
        &["colour", "garden.toml"],
    );
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn taken_ports_are_refused_with_the_flag_to_change() {
    let testnet = Testnet::new();
    let garden = genesis(&testnet, "garden");
    let data = testnet.home().join("garden");
    let http = TcpListener::bind("127.0.0.1:0").expect("a port");
    let http = http.local_addr().map(|at| (http, at.to_string()));
    let (_http, http) = http.expect("an address");
    let listen = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = listen.local_addr().expect("an address").to_string();
    let free = ["--listen", "127.0.0.1:0", "--http", &http];
    let node = Node::start(&testnet, &garden, &data, &free);
    refused(node, 69, &["--http", &http]);
    let free = ["--listen", &taken, "--http", "127.0.0.1:0"];
    let node = Node::start(&testnet, &garden, &data, &free);
    refused(node, 69, &["--listen", &taken]);
}

#[test]
fn foreign_folders_foreign_networks_and_garbage_do_no_harm() {
    let testnet = Testnet::up(4);
    testnet.data(&["send", "alice", "bob", "1"]);
    let ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let garden = genesis(&testnet, "garden");
    let local = testnet.folder().join("genesis.toml");

    let busy = Node::start(&testnet, &local, &testnet.data_of("n1"), &ports);
    refused(busy, 75, &["--data-dir"]);

    let before = testnet.height_of("n4");
    testnet.ok(&["testnet", "kill", "n4"]);
    let foreign = Node::start(&testnet, &garden, &testnet.data_of("n4"), &ports);
    refused(foreign, 7, &["genesis"]);
    testnet.ok(&["testnet", "start", "n4"]);
    let status = testnet.status_of("n4").expect("n4 answers");
    let (height, fetched) = (&status["height"], &status["blocks_fetched"]);
    let kept = height.as_u64().zip(fetched.as_u64());
    let kept = kept.expect("numbers");
    assert!(kept.0.saturating_sub(kept.1) + 3 >= before, "{status}");

    let status = testnet.status_of("n1").expect("n1 answers");
    let address = status["node"]["listen"].as_str().expect("an address");
    let stranger = testnet.home().join("stranger");
    let dialing = [&ports[..], &["--peer", address]].concat();
    let stranger = Node::start(&testnet, &garden, &stranger, &dialing);
    wait_for("the refusal in words", || {
        let log = stranger.log();
        let words = log.lines().find(|line| line.contains("this is "));
        words
            .filter(|line| line.contains("garden") && line.contains("local"))
            .map(drop)
    });
    drop(stranger);

    throw_garbage(&testnet, address);
    let sent = testnet.data(&["send", "alice", "bob", "1"]);
    assert_eq!(sent["status"], "final", "{sent}");
    testnet.same_head(&["n1", "n2", "n3", "n4"]);
    for node in ["n1", "n2", "n3", "n4"] {
        assert!(!testnet.log_of(node).contains("panicked"), "{node}");
    }
}

/// Sends bytes without sense to both ports of n1, each of which has to go on.
fn throw_garbage(testnet: &Testnet, address: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for number in 0..500_u32 {
        let noise = blake3::hash(&number.to_le_bytes());
        let packet = noise.as_bytes().repeat(1 + number as usize % 37);
        socket.send_to(&packet, address).expect("a packet leaves");
    }
    let url = testnet.url_of("n1").expect("an address");
    let host = url.strip_prefix("http://").expect("a URL");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    let json = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n{{\"a\":[[[[");
    for garbage in ["\0\u{1}\u{2}\r\n\r\n", "GET", &long, &json] {
        let mut stream = TcpStream::connect(host).expect("n1 listens");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        // The node may close before it has read all of it.
        drop(stream.write_all(garbage.as_bytes()));
        drop(stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(testnet.status_of("n1").is_some(), "n1 goes on");
}
