//! Nodes on machines of their own: network namespaces with a cable between them. Needs root, as
//! those do.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

/// Where the README's example finds its neighbour.
const FIRST: &str = "192.0.2.7";
const SECOND: &str = "192.0.2.8";

/// Where the fifth machine says that it can be dialed.
const ADVERTISED: &str = "192.0.2.5:7777";

/// What the names of hosts are on a machine, where namespaces look for it.
const HOSTS: &str = "/etc/netns";

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

    /// Machines on one switch, called n1, n2, …, at 192.0.2.1, 192.0.2.2, …; the switch is last.
    fn town(count: usize) -> Vec<Self> {
        let switch = Self::new("switch");
        switch.ip(&["link", "add", "ports", "type", "bridge"]);
        switch.ip(&["link", "set", "ports", "up"]);
        let mut machines: Vec<_> = (1..=count).map(|n| Self::new(&format!("n{n}"))).collect();
        for (machine, number) in machines.iter().zip(1..) {
            let port = format!("port{number}");
            let cable = ["type", "veth", "peer", "name", "cable", "netns"];
            switch.ip(&[&["link", "add", &port], &cable[..], &[&machine.name]].concat());
            switch.ip(&["link", "set", &port, "master", "ports", "up"]);
            machine.ip(&["address", "add", &address(number), "dev", "cable"]);
            machine.ip(&["link", "set", "cable", "up"]);
        }
        machines.push(switch);
        machines
    }

    /// Tells the machine where the others are.
    fn knows(&self, hosts: &str) {
        let folder = Path::new(HOSTS).join(&self.name);
        fs::create_dir_all(&folder).expect("a folder of the namespace");
        // In place: what runs has this file bound over its own.
        fs::write(folder.join("hosts"), hosts).expect("its hosts");
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
        drop((gone, fs::remove_dir_all(Path::new(HOSTS).join(&self.name))));
    }
}

fn address(number: usize) -> String {
    format!("192.0.2.{number}/24")
}

fn hosts(numbers: &[usize]) -> String {
    let line = |(number, name): (&usize, usize)| format!("192.0.2.{number} n{name}\n");
    let lines = numbers.iter().zip(1..).map(line);
    format!("127.0.0.1 localhost\n{}", lines.collect::<String>())
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

    /// Stops it in good order.
    fn stop(mut self) {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("`kill` runs").success());
        assert!(self.process.wait().expect("it ends").success());
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

#[test]
fn machines_find_each_other_by_name_and_again_after_a_move() {
    let testnet = Testnet::up(4);
    testnet.ok(&["testnet", "stop"]);
    let machines = Machine::town(5);
    let told = hosts(&[1, 2, 3, 4, 5]);
    machines.iter().for_each(|machine| machine.knows(&told));
    let genesis = testnet.folder().join("genesis.toml");
    let path = |path: &Path| path.to_str().expect("a name in UTF-8").to_owned();
    let start = |number: usize, peers: &[&str]| {
        let name = format!("n{number}");
        let mut run = ["node", "run", "--genesis"].map(str::to_owned).to_vec();
        run.extend([path(&genesis), "--data-dir".to_owned()]);
        if number <= 4 {
            let key = testnet.folder().join(&name).join("validator.key");
            run.extend([
                path(&testnet.data_of(&name)),
                "--validator-key".to_owned(),
                path(&key),
            ]);
        } else {
            run.extend([
                name.clone(),
                "--advertise".to_owned(),
                ADVERTISED.to_owned(),
            ]);
        }
        peers
            .iter()
            .for_each(|peer| run.extend(["--peer".to_owned(), format!("{peer}:7000")]));
        let run: Vec<&str> = run.iter().map(String::as_str).collect();
        Node::start(&testnet, &machines[number - 1], &name, &run)
    };
    let pay = || {
        let sent = answer(&testnet, &machines[0], &["send", "alice", "bob", "1"]);
        (sent["data"]["status"] == "final").then(|| sent["data"]["height"].as_u64())
    };
    let all = ["n1", "n2", "n3", "n4"];
    let mut nodes: Vec<_> = (1..=4).map(|number| start(number, &all)).collect();
    nodes.push(start(5, &["n1"]));
    let height = wait_for("a payment", pay);
    wait_for("the fifth node to follow", || {
        let status = answer(&testnet, &machines[4], &["status"]);
        (status["data"]["height"].as_u64() >= height).then_some(())
    });

    // The second machine moves, and knows nobody: the others have to look its name up again. The
    // fourth stops, so that the second is needed.
    drop(nodes.remove(3));
    drop(nodes.remove(1));
    let moved = &machines[1];
    moved.ip(&["address", "delete", &address(2), "dev", "cable"]);
    moved.ip(&["address", "add", &address(22), "dev", "cable"]);
    fs::remove_file(testnet.data_of("n2").join("peers")).expect("the addresses that it kept");
    let told = hosts(&[1, 22, 3, 4, 5]);
    machines.iter().for_each(|machine| machine.knows(&told));
    let _second = start(2, &[]);
    wait_for("a payment after the move", pay);

    nodes.swap_remove(0).stop();
    let kept = fs::read_to_string(testnet.data_of("n1").join("peers")).expect("its addresses");
    assert!(kept.contains(&format!("@{ADVERTISED}\n")), "{kept}");
}
