//! A key that a command has read is in no core file, and no other process of the user reads it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use starling_ledger::keys::{SecretKey, Signer as _};
use starling_tests::testnet::Testnet;

/// The user that the binary runs as where the tests run as root: root may read every process.
const NOBODY: u32 = 65_534;

/// A folder of an ordinary user, with the binary, a genesis and a key.
struct Home {
    testnet: Testnet,
    user: u32,
}

impl Home {
    fn new() -> Self {
        let testnet = Testnet::new();
        let own = fs::metadata("/proc/self").unwrap().uid();
        let user = if own == 0 { NOBODY } else { own };
        let home = Self { testnet, user };
        let genesis = Path::new(env!("CARGO_MANIFEST_DIR")).join("../genesis/local.toml");
        fs::copy(genesis, home.path("genesis.toml")).expect("a genesis");
        // By another process: a file that this one has open for writing, while the other test
        // starts something, could not be run.
        let mut copy = Command::new("cp");
        copy.args([home.testnet.binary(), &home.path("starling")]);
        assert!(
            copy.status().expect("it runs").success(),
            "room for the binary"
        );
        fs::write(home.path("validator.key"), key_file()).expect("a key");
        fs::create_dir(home.path("data")).expect("a folder");
        for name in ["", "genesis.toml", "starling", "validator.key", "data"] {
            chown(home.path(name), Some(user), Some(user)).expect("root may, and the owner is it");
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.testnet.home().join(name)
    }

    /// A command of that user, which may write core files as large as the machine lets it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("sh");
        let script = format!("ulimit -c $(ulimit -Hc); exec {program}");
        command.args(["-c", &script]).current_dir(self.path(""));
        command.env("HOME", self.path(""));
        if fs::metadata("/proc/self").unwrap().uid() != self.user {
            command.uid(self.user).gid(self.user);
        }
        command
    }

    /// Starts a node with the key, and waits until it runs.
    fn node(&self) -> Child {
        let run = "./starling node run --genesis genesis.toml --data-dir data \
                   --validator-key validator.key --listen 127.0.0.1:0 --http 127.0.0.1:0";
        let mut command = self.command(run);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = told.lines().map(|line| line.expect("text"));
        let ready = lines.any(|line| line.contains("ready"));
        assert!(ready, "the node ended: {:?}", child.try_wait());
        // The rest is read away, so that the node never waits for us.
        std::thread::spawn(move || lines.count());
        child
    }
}

fn key_file() -> String {
    let key = SecretKey::local("in no core file");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    format!(
        "version = 1\nnetwork = \"local\"\npublic_key = \"{}\"\nsecret_key = \"{}\"\n",
        key.public_key(),
        hex(&key.to_bytes())
    )
}

fn process(child: &Child, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", child.id()))
}

#[test]
fn a_node_writes_no_core_file_and_shows_its_memory_to_nobody() {
    let home = Home::new();
    // What this machine does with a process that keeps no such rule.
    let mut plain = home.command("sh -c 'kill -ABRT $$'");
    let cores = plain.status().expect("it runs").core_dumped();
    println!("other processes write core files here: {cores}");
    let mut node = home.node();
    let limits = fs::read_to_string(process(&node, "limits")).expect("Linux tells it");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let numbers: Vec<_> = core.expect("a limit").split_whitespace().skip(4).collect();
    assert_eq!(numbers[..2], ["0", "0"]);
    // The kernel gives what is not dumpable to root, whoever runs it.
    let memory = fs::metadata(process(&node, "mem")).expect("it runs");
    assert_eq!(memory.uid(), 0);
    let read = home
        .command(&format!("cat /proc/{}/maps", node.id()))
        .output();
    let read = read.expect("it runs");
    assert!(!read.status.success(), "another process reads its memory");
    assert!(String::from_utf8_lossy(&read.stderr).contains("denied"));
    let mut kill = Command::new("kill");
    let killed = kill.args(["-ABRT", &node.id().to_string()]).status();
    assert!(killed.expect("it runs").success());
    let status = node.wait().expect("it ends");
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
    let left = fs::read_dir(home.path(""))
        .unwrap()
        .map(|entry| entry.unwrap());
    let left: Vec<_> = left
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name == "core" || name.starts_with("core."))
            || cores
    );
}

/// In what order a command forbids it and opens what: as the kernel saw it.
fn calls(home: &Home, arguments: &[&str]) -> Vec<String> {
    let log = home.path("calls");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=prctl,prlimit64,openat", "-o"])
        .arg(&log)
        .arg(home.testnet.binary())
        .args(arguments)
        .env("HOME", home.path(""))
        .env("XDG_DATA_HOME", home.path("share"))
        .output();
    output.expect("strace is installed: make deps");
    let text = fs::read_to_string(&log).expect("a log");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_command_forbids_core_files_before_it_opens_a_key() {
    let home = Home::new();
    let genesis = home.path("genesis.toml").display().to_string();
    let key = home.path("validator.key").display().to_string();
    let data = home.path("data").display().to_string();
    let run = |arguments: &[&str], opened: &str| {
        let calls = calls(&home, arguments);
        let at = |part: &[&str]| {
            let found = |call: &String| part.iter().all(|part| call.contains(part));
            calls.iter().position(found)
        };
        let dumpable = at(&["PR_SET_DUMPABLE", "SUID_DUMP_DISABLE"]);
        let limit = at(&["RLIMIT_CORE", "rlim_cur=0, rlim_max=0"]);
        let key = at(&["openat", opened]);
        let words = arguments.join(" ");
        assert!(key.is_some(), "{words} opens no {opened}");
        assert!(dumpable.is_some() && dumpable < key, "{words}");
        assert!(limit.is_some() && limit < key, "{words}");
    };
    run(&["key", "new", "zoe", "--data-dir", &data], "keys/zoe");
    run(&["key", "show", "zoe", "--data-dir", &data], "keys/zoe");
    run(&["key", "list", "--data-dir", &data], "keys/zoe");
    let node = ["node", "run", "--genesis", &genesis, "--data-dir", &data];
    // It ends at once: the address is taken by nobody who may.
    let node = [
        &node[..],
        &["--validator-key", &key, "--http", "192.0.2.1:1"],
    ]
    .concat();
    run(&node, "validator.key");
}
