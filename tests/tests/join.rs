//! A full node joins by one address, and stays when that neighbour goes.

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Stdio};

use starling_tests::testnet::{Testnet, wait_for};

/// A node of its own, ended with the test.
struct Fifth {
    process: Child,
    url: String,
}

impl Fifth {
    /// Starts a node without key and data that knows one neighbour.
    fn start(testnet: &Testnet, neighbour: &str) -> Self {
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let http = http.local_addr().expect("an address").to_string();
        let listen = listen.local_addr().expect("an address").to_string();
        let genesis = testnet.folder().join("genesis.toml");
        let mut command = testnet.command(&["node", "run", "--peer", neighbour]);
        command.arg("--genesis").arg(genesis);
        command.arg("--data-dir").arg(testnet.home().join("n5"));
        command.args(["--listen", &listen, "--http", &http]);
        let log = std::fs::File::create(testnet.home().join("n5.log")).expect("a log");
        command.stdout(Stdio::null()).stderr(log);
        Self {
            process: command.spawn().expect("the binary starts"),
            url: format!("http://{http}"),
        }
    }

    /// The state root of its block at `height`, once it has that.
    fn state_root(&self, testnet: &Testnet, height: u64) -> String {
        let height = height.to_string();
        wait_for("the fifth node to follow", || {
            let (code, block) = testnet.envelope(&["block", &height, "--node", &self.url]);
            let root = block["data"]["state_root"].as_str();
            root.filter(|_| code == 0).map(str::to_owned)
        })
    }
}

impl Drop for Fifth {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn joins_by_one_address_and_stays_when_that_neighbour_is_gone() {
    let testnet = Testnet::up(4);
    testnet.data(&["load", "--count", "200", "--rate", "200"]);
    let status = testnet.status_of("n2").expect("n2 answers");
    let neighbour = status["node"]["listen"].as_str().expect("an address");
    let fifth = Fifth::start(&testnet, neighbour);

    let height = testnet.height_of("n1");
    let expected = testnet.block_of("n1", height)["state_root"].clone();
    assert_eq!(fifth.state_root(&testnet, height), expected);
    let (_, status) = testnet.envelope(&["status", "--node", &fifth.url]);
    let fetched = status["data"]["blocks_fetched"].as_u64();
    assert!(fetched > Some(0), "{status}");

    wait_for("the fifth node to find the others", || {
        let (_, status) = testnet.envelope(&["status", "--node", &fifth.url]);
        (status["data"]["peers"].as_u64() > Some(1)).then_some(())
    });
    testnet.ok(&["testnet", "kill", "n2"]);
    let sent = testnet.data(&["send", "alice", "bob", "3"]);
    assert_eq!(sent["status"], "final", "{sent}");
    let height = sent["height"].as_u64().expect("a height");
    let expected = testnet.block_of("n1", height)["state_root"].clone();
    assert_eq!(fifth.state_root(&testnet, height), expected);
}
