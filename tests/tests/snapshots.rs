//! A node makes snapshots by itself; another begins with one and goes on.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

/// A testnet with epochs of five blocks whose nodes make a snapshot of each.
fn testnet() -> Testnet {
    // The first start makes the folder; the network is born anew with other epochs.
    let testnet = Testnet::up(2);
    testnet.stop();
    let genesis = testnet.folder().join("genesis.toml");
    let text = fs::read_to_string(&genesis).expect("a genesis");
    let lines = text
        .lines()
        .map(|line| match line.starts_with("epoch_blocks") {
            true => "epoch_blocks = 5",
            false => line,
        });
    let text: Vec<_> = lines.collect();
    assert!(text.contains(&"epoch_blocks = 5"));
    fs::write(&genesis, text.join("\n")).expect("a genesis");
    for node in ["n1", "n2"] {
        fs::remove_dir_all(testnet.data_of(node)).expect("a data folder");
    }
    let mut command = testnet.command(&["testnet", "up", "-d"]);
    let output = command.env("STARLING_SNAPSHOT_EPOCHS", "1").output();
    let output = output.expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    testnet
}

/// Pays until a node has this many complete snapshots, and returns a copy of the last: the node
/// keeps two, and goes on.
fn last_snapshot(testnet: &Testnet, node: &str, count: usize) -> (u64, PathBuf) {
    let data = testnet.data_of(node);
    let data = data.to_str().expect("a path in UTF-8").to_owned();
    wait_for("snapshots", || {
        let sent = testnet.data(&["send", "alice", "bob", "1"]);
        assert_eq!(sent["status"], "final", "{sent}");
        let listed = testnet.data(&["snapshot", "list", "--data-dir", &data]);
        let listed = listed["snapshots"].as_array().expect("a list").clone();
        let last = listed.last().filter(|_| listed.len() >= count)?;
        let folder = last["folder"].as_str().expect("a folder");
        let copy = copied(Path::new(folder), &testnet.home().join("copied"))?;
        Some((last["height"].as_u64().expect("a height"), copy))
    })
}

/// Copies the files of a folder; `None` if one of them went meanwhile.
fn copied(folder: &Path, to: &Path) -> Option<PathBuf> {
    fs::create_dir_all(to).ok()?;
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        fs::copy(entry.path(), to.join(entry.file_name())).ok()?;
    }
    Some(to.to_owned())
}

/// A node without a vote, ended with the test.
struct Follower<'a> {
    testnet: &'a Testnet,
    data_dir: PathBuf,
    process: Option<Child>,
    url: String,
}

impl<'a> Follower<'a> {
    fn new(testnet: &'a Testnet) -> Self {
        Self {
            testnet,
            data_dir: testnet.home().join("n3"),
            process: None,
            url: String::new(),
        }
    }

    /// Restores it from a snapshot; exit code and envelope.
    fn restore(&self, snapshot: &Path, more: &[&str]) -> (i32, Value) {
        let genesis = self.testnet.folder().join("genesis.toml");
        let [snapshot, genesis, data_dir] =
            [snapshot, &genesis, &self.data_dir].map(|path| path.to_str().expect("UTF-8"));
        let arguments = [
            "snapshot",
            "restore",
            snapshot,
            "--genesis",
            genesis,
            "--data-dir",
            data_dir,
        ];
        self.testnet.envelope(&[&arguments, more].concat())
    }

    /// Starts it with n1 as its neighbour.
    fn start(&mut self) {
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let http = http.local_addr().expect("an address").to_string();
        let listen = listen.local_addr().expect("an address").to_string();
        let status = self.testnet.status_of("n1").expect("n1 answers");
        let neighbour = status["node"]["listen"].as_str().expect("an address");
        let mut command = self
            .testnet
            .command(&["node", "run", "--peer", neighbour, "--listen", &listen]);
        command.args(["--http", &http]);
        command.arg("--data-dir").arg(&self.data_dir);
        command
            .arg("--genesis")
            .arg(self.testnet.folder().join("genesis.toml"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("the binary starts"));
        self.url = format!("http://{http}");
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Asks for a block: exit code and envelope.
    fn block(&self, height: u64) -> (i32, Value) {
        let height = height.to_string();
        self.testnet
            .envelope(&["block", &height, "--node", &self.url])
    }

    /// Waits until it has the block at `height`, which must be the network's.
    fn follows(&self, height: u64) {
        let expected = self.testnet.block_of("n1", height);
        let block = wait_for("the restored node to follow", || {
            let (code, envelope) = self.block(height);
            (code == 0).then(|| envelope["data"].clone())
        });
        for field in ["hash", "state_root"] {
            assert_eq!(block[field], expected[field], "{field} of {height}");
        }
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_node_restored_from_a_snapshot_made_at_an_epoch_boundary_follows_the_network() {
    let testnet = testnet();
    let (height, snapshot) = last_snapshot(&testnet, "n1", 2);
    assert_eq!(height % 5, 0, "made at the end of an epoch");
    let mut node = Follower::new(&testnet);
    let (code, restored) = node.restore(&snapshot, &[]);
    assert_eq!(code, 0, "{restored}");
    assert_eq!(restored["data"]["height"], height);

    node.start();
    node.follows(height + 1);
    // It never had the blocks before, and says so.
    for pruned in [1, height] {
        let (code, envelope) = node.block(pruned);
        assert_ne!(code, 0, "block {pruned}: {envelope}");
        let told = envelope["error"]["message"].as_str().expect("a message");
        assert!(told.contains("no longer kept"), "{told}");
    }
    // A balance with its proof, from the state that was restored.
    let proven = testnet.data(&["account", "show", "bob", "--node", &node.url]);
    let here = testnet.data(&["account", "show", "bob"]);
    assert_eq!(proven["balance_base"], here["balance_base"], "{proven}");

    // It starts again where it was, and goes on.
    node.stop();
    let sent = testnet.data(&["send", "alice", "bob", "3"]);
    node.start();
    node.follows(sent["height"].as_u64().expect("a height"));

    // The ledger in use is not replaced, nor one that is further.
    let (code, refused) = node.restore(&snapshot, &[]);
    assert_eq!(code, 75, "{refused}");
    node.stop();
    let (code, refused) = node.restore(&snapshot, &[]);
    assert_eq!(code, 1, "{refused}");
    let (code, forced) = node.restore(&snapshot, &["--force"]);
    assert_eq!(code, 0, "{forced}");
    node.start();
    node.follows(testnet.height_of("n1").max(height + 1));
}

#[test]
fn a_damaged_snapshot_is_refused_and_the_ledger_stays_as_it_was() {
    let testnet = testnet();
    let (_, snapshot) = last_snapshot(&testnet, "n2", 1);
    let data = testnet.data_of("n2");
    let data = data.to_str().expect("UTF-8");
    // Made by hand beside the running node, to a folder of its own.
    let kept = testnet.home().join("kept");
    let made = testnet.data(&[
        "snapshot",
        "make",
        "--data-dir",
        data,
        "--to",
        kept.to_str().expect("UTF-8"),
    ]);
    let made = PathBuf::from(made["folder"].as_str().expect("a folder"));
    assert!(snapshot.exists() && made.starts_with(&kept));
    let genesis = testnet.folder().join("genesis.toml");
    let genesis = genesis.to_str().expect("UTF-8");
    let verify = |more: &[&str]| {
        let folder = made.to_str().expect("UTF-8");
        let arguments = ["snapshot", "verify", folder, "--genesis", genesis];
        testnet.envelope(&[&arguments, more].concat())
    };
    let (code, verified) = verify(&[]);
    assert_eq!((code, &verified["data"]["verified"]), (0, &true.into()));
    let block = verified["data"]["block"].as_str().expect("a hash");
    let height = verified["data"]["height"].as_u64().expect("a height");
    let (code, _) = verify(&["--checkpoint", &format!("{height}:{block}")]);
    assert_eq!(code, 0);
    let other = "0".repeat(64);
    let (code, _) = verify(&["--checkpoint", &format!("{height}:{other}")]);
    assert_eq!(code, 9);

    let node = Follower::new(&testnet);
    for file in ["chunk-00000", "manifest"] {
        let path = made.join(file);
        let whole = fs::read(&path).expect("a file");
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&path, &damaged).expect("a file");
        let (code, refused) = verify(&[]);
        assert_eq!(code, 9, "{file}: {refused}");
        let (code, refused) = node.restore(&made, &[]);
        assert_eq!(code, 9, "{file}: {refused}");
        assert!(!node.data_dir.join("ledger").exists());
        assert!(!node.data_dir.join("ledger.restore").exists());
        fs::write(&path, &whole).expect("a file");
    }
    let (code, restored) = node.restore(&made, &[]);
    assert_eq!(code, 0, "{restored}");
    assert!(!node.data_dir.join("ledger.restore").exists());
}
