//! Whatever others do, a node takes no more memory than it is set to: clients and neighbours that
//! never read, connections that say nothing, and load.
//!
//! What is compared is the most that was resident (`VmHWM`), with a bound that does not depend on
//! how quick the machine is. `STARLING_MEMORY_SECONDS` says how long the load lasts (default 10);
//! `STARLING_MEMORY_GROUP=1` puts each node in a control group that ends it above the bound, as
//! `make memory` does.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use starling_gossip::message::hello::WIRE_VERSION;
use starling_gossip::message::{ConsensusFrame, Hello, SyncFrame};
use starling_gossip::transport::{Transport, TransportConfig, TransportEvent, TransportEvents};
use starling_gossip::{Lane, LinkId};
use starling_ledger::hash::Hash;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::campaign;
use starling_tests::ledger_maker::{LedgerMaker, genesis};
use starling_tests::testnet::{Testnet, metric, try_call, wait_for};

/// What a node takes where nobody says, MiB.
const LIMIT_MIB: u64 = 256;
/// What one attack may take, MiB: a node that serves nobody else has its caches empty.
const ATTACKED_MIB: u64 = 160;
/// Blocks of the ledger that is served, and transfers of each: ranges of 64 blocks are 2 MiB.
const BLOCKS: u64 = 300;
const TRANSFERS: u64 = 180;
/// Clients that never read. Each asks for 17 MiB.
const CLIENTS: usize = 80;
/// Neighbours that never read.
const NEIGHBOURS: u8 = 30;
/// Ranges that each of them asks for at a time, as often as [`ROUNDS`] says.
const RANGES: u64 = 4;
/// How often. In between, what was read is on its way.
const ROUNDS: usize = 6;
/// More connections than a node has places for.
const SILENT: usize = 600;
/// Transfers a second that are asked for.
const RATE: &str = "2500";

/// A full node that serves a ledger made beforehand.
struct Served {
    folder: tempfile::TempDir,
    node: Child,
    http: SocketAddr,
    listen: SocketAddr,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("ledger")).expect("a folder");
        let storage = RocksStorage::open(&data.join("ledger"), &OpenOptions::default());
        let mut maker = LedgerMaker::new(Arc::new(storage.expect("a store")), TRANSFERS);
        maker.extend(BLOCKS);
        drop(maker);
        let document = folder.path().join("genesis.toml");
        fs::write(&document, genesis().to_toml()).expect("a file");
        let http = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let listen = UdpSocket::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let (http, listen) = (http.expect("a port"), listen.expect("a port"));
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(starling_tests::testnet::binary());
        command.args(["node", "run", "--listen", &listen.to_string()]);
        command.args(["--http", &http.to_string()]);
        command.args(["--memory-mib", &LIMIT_MIB.to_string()]);
        command
            .arg("--genesis")
            .arg(&document)
            .arg("--data-dir")
            .arg(&data);
        command
            .env_remove("STARLING_MEMORY_MIB")
            .env("HOME", folder.path());
        let node = command.stdin(Stdio::null()).stderr(log).spawn();
        let served = Self {
            folder,
            node: node.expect("it starts"),
            http,
            listen,
        };
        let height = wait_for("the node", || Some(served.status()?["height"].clone()));
        assert_eq!(height, BLOCKS, "{}", served.log());
        served
    }

    fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    fn status(&self) -> Option<Value> {
        let answer = try_call(&self.url(), "status", &json!({}))?;
        Some(answer.get("result")?.clone())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http).expect("it listens")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where it was ended for its memory.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// The most that was resident of a process so far, MiB.
fn peak_mib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.expect("a number") / 1024
}

/// Waits until no more becomes resident, and returns the most that was.
fn settled_peak_mib(process: u32) -> u64 {
    let (mut peak, mut same) = (0, 0);
    wait_for("memory to settle", || {
        let now = peak_mib(process);
        same = if now == peak { same + 1 } else { 0 };
        peak = now;
        (same > 30).then_some(peak)
    })
}

#[test]
fn clients_that_never_read_take_no_more_than_their_part() {
    let served = Served::start();
    let call = |id| {
        let parameters = json!({"count": BLOCKS});
        json!({"jsonrpc": "2.0", "id": id, "method": "light_headers", "params": parameters})
    };
    let body = Value::from_iter((0..100).map(call)).to_string();
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        served.http,
        body.len()
    );
    let ask = |_| {
        let mut stream = served.connect();
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).expect("a socket");
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .expect("it is read");
        stream
    };
    let clients: Vec<_> = (0..CLIENTS).map(ask).collect();
    // Each has got as much as it ever will once its first bytes are there.
    let peak = settled_peak_mib(served.node.id());
    println!("{CLIENTS} clients: {peak} MiB");
    assert!(peak <= ATTACKED_MIB, "{peak} MiB");
    let told = served.status().expect("others are served");
    let used = r#"starling_memory_used_bytes{part="http_answers"}"#;
    let used = metric(&served.url(), used).expect("a metric");
    let most = &told["memory"]["parts_bytes"]["http_answers"];
    assert!(
        (1..=most.as_u64().expect("bytes")).contains(&used),
        "{used} of {most}"
    );
    assert_eq!(told["memory"]["limit_mib"], LIMIT_MIB);
    drop(clients);
}

#[test]
fn a_batch_of_long_answers_is_whole_for_who_reads_it() {
    let served = Served::start();
    let call = |id| json!({"jsonrpc": "2.0", "id": id, "method": "light_headers"});
    let body = Value::from_iter((0..20).map(call)).to_string();
    let mut stream = served.connect();
    let request = format!(
        "POST /rpc HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        served.http,
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (_, answers) = answer.split_once("\r\n\r\n").expect("a head");
    let answers: Vec<Value> = serde_json::from_str(answers).expect("JSON");
    assert_eq!(answers.len(), 20);
    for (answer, id) in answers.iter().zip(0..) {
        assert_eq!(answer["id"], id);
        let headers = answer["result"]["headers"].as_array().expect("headers");
        assert_eq!(headers.len() as u64, BLOCKS);
    }
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let served = Served::start();
    let mut silent: Vec<_> = (0..SILENT).map(|_| served.connect()).collect();
    for stream in &mut silent {
        // Those that gave way are closed already.
        let _ = stream.write_all(b"GET /heal");
    }
    assert!(served.status().is_some());
}

/// A neighbour that says hello, asks, and never reads what comes.
struct Mute {
    transport: Transport,
    events: TransportEvents,
    link: LinkId,
}

impl Mute {
    async fn connect(number: u8, node: SocketAddr, genesis: Hash) -> Self {
        let key = SigningKey::from_bytes(&[number + 1; 32]);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = Transport::bind(TransportConfig::new(key, any));
        let (transport, mut events) = bound.expect("a socket");
        transport.dial(node, None).expect("a link is free");
        let Some(TransportEvent::Connected { link, .. }) = events.next().await else {
            panic!("the node takes no link");
        };
        let hello = Hello {
            version_from: WIRE_VERSION,
            version_to: WIRE_VERSION,
            features: 0,
            genesis,
            network: "local".to_owned(),
            height: 0,
            listen: vec![transport.address()],
            salt: number.into(),
            instance: number.into(),
        };
        let mute = Self {
            transport,
            events,
            link,
        };
        mute.send(Lane::Consensus, ConsensusFrame::Hello(hello).encode());
        mute
    }

    fn send(&self, lane: Lane, frame: Bytes) {
        self.transport.send(self.link, lane, frame).expect("room");
    }

    fn ask(&self) {
        for number in 0..RANGES {
            let want = SyncFrame::WantBlocks {
                from: 1 + number * 64 % (BLOCKS - 64),
                count: 64,
            };
            // The node may have ended a link whose peer reads nothing.
            let _ = self.transport.send(self.link, Lane::Sync, want.encode());
        }
    }
}

#[test]
fn neighbours_that_never_read_take_no_more_than_their_part() {
    let served = Served::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    let hash = genesis().hash();
    let mutes = runtime.block_on(async {
        let mut mutes = Vec::new();
        for number in 0..NEIGHBOURS {
            mutes.push(Mute::connect(number, served.listen, hash).await);
        }
        mutes
    });
    wait_for("the links", || {
        let links = served.status()?["peers"].as_u64()?;
        (links >= u64::from(NEIGHBOURS) / 2).then_some(())
    });
    for _ in 0..ROUNDS {
        mutes.iter().for_each(Mute::ask);
        thread::sleep(Duration::from_secs(1));
    }
    let peak = settled_peak_mib(served.node.id());
    println!("{NEIGHBOURS} neighbours: {peak} MiB");
    assert!(peak <= ATTACKED_MIB, "{peak} MiB");
    // A neighbour that reads is served beside them.
    let _guard = runtime.enter();
    let sent = runtime.block_on(async {
        let mut reader = Mute::connect(100, served.listen, hash).await;
        reader.ask();
        loop {
            match reader.events.next().await {
                Some(TransportEvent::Frame {
                    lane: Lane::Sync,
                    bytes,
                    ..
                }) if bytes.len() > 1 << 20 => return bytes.len(),
                Some(TransportEvent::Disconnected { reason, .. }) => panic!("{reason}"),
                None => panic!("the transport has ended"),
                Some(_) => {}
            }
        }
    });
    assert!(sent > 1 << 20);
    drop(mutes);
}

/// A control group for one node, where the system has them.
struct Group(PathBuf);

impl Group {
    /// Puts `process` in a group that ends it above the bound.
    fn around(process: u32, name: &str) -> Self {
        let root = Path::new("/sys/fs/cgroup");
        let is_unified = root.join("cgroup.controllers").exists();
        let (root, limit) = match is_unified {
            true => (root.to_owned(), "memory.max"),
            false => (root.join("memory"), "memory.limit_in_bytes"),
        };
        let folder = root.join(format!("starling-{}-{name}", std::process::id()));
        fs::create_dir(&folder).expect("control groups that may be made: run it as root");
        let write = |file: &str, text: String| {
            fs::write(folder.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
        };
        write(limit, (LIMIT_MIB << 20).to_string());
        if !is_unified {
            // What the node has taken before it came here counts as well.
            write("memory.move_charge_at_immigrate", "3".to_owned());
        }
        write("cgroup.procs", process.to_string());
        Self(folder)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Empty once the node has ended.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_network_under_load_stays_within_its_setting() {
    let nodes = ["n1", "n2", "n3", "n4"];
    let testnet = Testnet::up(nodes.len());
    let processes = testnet.data(&["testnet", "status"]);
    let processes: Vec<u32> = processes["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| u32::try_from(node["pid"].as_u64().expect("it runs")).expect("a number"))
        .collect();
    let in_groups = campaign::setting("STARLING_MEMORY_GROUP", 0) == 1;
    let groups: Vec<_> = processes
        .iter()
        .zip(nodes)
        .filter(|_| in_groups)
        .map(|(process, name)| Group::around(*process, name))
        .collect();
    let seconds = campaign::setting("STARLING_MEMORY_SECONDS", 10);
    let duration = format!("{seconds}s");
    let told = testnet.data(&["load", "--rate", RATE, "--duration", &duration]);
    let peaks: Vec<_> = processes.iter().map(|process| peak_mib(*process)).collect();
    println!("{told} MiB resident at the most: {peaks:?}");
    assert_eq!(told["failed"], 0, "{told}");
    assert!(peaks.iter().all(|peak| *peak <= LIMIT_MIB), "{peaks:?} MiB");
    for node in nodes {
        let url = testnet.url_of(node).expect("it runs");
        let limit = metric(&url, "starling_memory_limit_bytes").expect("a metric");
        let resident = metric(&url, "starling_memory_resident_bytes").expect("a metric");
        assert!(
            limit == LIMIT_MIB << 20 && resident <= limit,
            "{resident} of {limit}"
        );
    }
    testnet.stop();
    drop(groups);
}
