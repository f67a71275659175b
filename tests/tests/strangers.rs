//! Nodes on machines of their own: network namespaces with a cable between them. Needs root, as
//! those do.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

/// Where the README's example finds its neighbour.
const FIRST: &str = "192.0.2.7";
const SECOND: &str = "192.0.2.8";

/// A machine: a network namespace, which goes with it.
struct Machine {
    name: String,
}

impl Machine {
    fn new(name: &str) -> Self {
        let name = format!("starling-{}-{name}", std::process::id());
        ip(&["netns", "add", &name]);
        let machine = Self { name };
        machine.ip(&["link", "set", "lo", "up"]);
        machine
    }

    /// Two machines with a cable between them.
    fn pair() -> (Self, Self) {
        let (first, second) = (Self::new("a"), Self::new("b"));
        first.ip(&[
            "link",
            "add",
            "cable",
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            &second.name,
        ]);
        for (machine, address) in [(&first, FIRST), (&second, SECOND)] {
            machine.ip(&["address", "add", &format!("{address}/24"), "dev", "cable"]);
            machine.ip(&["link", "set", "cable", "up"]);
        }
        (first, second)
    }

    fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", self.name.as_str()], arguments].concat());
    }

    /// Lets a command run on this machine.
    fn on(&self, command: &Command) -> Command {
        let mut here = Command::new("ip");
        here.args(["netns", "exec", &self.name]);
        here.arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            here.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => here.env(name, value),
                None => here.env_remove(name),
            };
        }
        here
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let gone = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
        drop(gone);
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output();
    let output = output.expect("`ip` of iproute2 runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {}: {told}",
        arguments.join(" ")
    );
}

/// A node on a machine, ended with the test.
struct Node {
    process: Child,
}

impl Node {
    fn start(testnet: &Testnet, machine: &Machine, name: &str, arguments: &[&str]) -> Self {
        let mut command = machine.on(&testnet.command(arguments));
        let log = File::create(testnet.home().join(format!("{name}.log"))).expect("a log");
        let process = command.stdout(Stdio::null()).stderr(log).spawn();
        Self {
            process: process.expect("`ip` runs"),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // `ip netns exec` becomes the command that it runs.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What a command on a machine answers.
fn answer(testnet: &Testnet, machine: &Machine, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json", "--node", "http://127.0.0.1:7100"]].concat();
    let output = machine.on(&testnet.command(&arguments)).output();
    let output = output.expect("`ip` runs");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// The line of the README with which a node joins.
fn join_line() -> Vec<String> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let line = readme
        .lines()
        .find(|line| line.contains("node run") && line.contains("--peer"));
    let words = line.expect("a line that joins").split_whitespace();
    words.skip(1).map(str::to_owned).collect()
}

#[test]
fn the_join_line_of_the_readme_joins_between_machines() {
    let testnet = Testnet::up(1);
    testnet.ok(&["testnet", "stop"]);
    let (first, second) = Machine::pair();
    let genesis = testnet.folder().join("genesis.toml");
    fs::copy(&genesis, testnet.home().join("genesis.toml")).expect("a genesis");
    let key = testnet.folder().join("n1/validator.key");
    let (data, key) = (testnet.data_of("n1"), key);
    let [data, key] = [&data, &key].map(|path| path.to_str().expect("a name in UTF-8"));
    let mut run = vec!["node", "run", "--genesis", "genesis.toml"];
    run.extend(["--data-dir", data, "--validator-key", key]);
    let _first = Node::start(&testnet, &first, "first", &run);
    wait_for("the first node to make a block", || {
        let status = answer(&testnet, &first, &["status"]);
        (status["data"]["height"].as_u64() > Some(0)).then_some(())
    });
    let line = join_line();
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    assert!(line.iter().any(|word| word.starts_with(FIRST)), "{line:?}");
    let _second = Node::start(&testnet, &second, "second", &line);
    wait_for("the second node to follow", || {
        let status = answer(&testnet, &second, &["status"]);
        (status["data"]["height"].as_u64() > Some(0)).then_some(())
    });
    // Each knows where the other can be dialed.
    let peers = answer(&testnet, &first, &["peers"]);
    assert!(peers.to_string().contains(SECOND), "{peers}");
}
