//! A node behind nginx, haproxy and caddy, each set up as Debian installs it: payments, events,
//! metrics, bodies in chunks, and health.

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use starling_tests::testnet::{PATIENCE, Testnet, wait_for};

/// The name the node is given, which only the proxies know.
const NAME: &str = "node.example";

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.stderr(log).spawn().expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx has workers, which end with it only when it is asked to end.
        let id = self.0.id().to_string();
        drop(Command::new("kill").args(["-TERM", &id]).status());
        drop(self.0.wait());
    }
}

/// Returns an address of this machine that nobody listens on.
fn free() -> String {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    port.local_addr().expect("an address").to_string()
}

/// Starts a node that follows `testnet`, goes by [`NAME`] and serves HTTP at `http`.
fn node(testnet: &Testnet, http: &str) -> Running {
    let status = testnet.status_of("n1").expect("n1 answers");
    let neighbour = status["node"]["listen"].as_str().expect("an address");
    let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let listen = listen.local_addr().expect("an address").to_string();
    let mut command = testnet.command(&["node", "run", "--peer", neighbour]);
    let genesis = testnet.folder().join("genesis.toml");
    command.arg("--genesis").arg(genesis);
    command.arg("--data-dir").arg(testnet.home().join("n2"));
    command.args(["--listen", &listen, "--http", http, "--http-host", NAME]);
    Running::start(&mut command, &testnet.home().join("n2.log"))
}

/// Returns where Debian put a program.
fn program(name: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
    let found = places.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run `scripts/deps.sh test`"))
}

/// Starts nginx with Debian's config, this site instead of those enabled, and files of its own.
fn nginx(folder: &Path, address: &str, node: &str) -> Running {
    let site = format!(
        "server {{ listen {address}; location / {{
             proxy_pass http://{node}; include /etc/nginx/proxy_params; }} }}"
    );
    let installed = fs::read_to_string("/etc/nginx/nginx.conf").expect("Debian's config");
    let here = folder.display();
    let line = |line: &str| match line.split_whitespace().next() {
        Some("pid" | "error_log") => String::new(),
        Some("access_log") => ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {here}/{kind};"))
            .join("\n"),
        Some("include") if line.contains("sites-enabled") => site.clone(),
        _ => line.to_owned(),
    };
    let config = installed.lines().map(line).collect::<Vec<_>>().join("\n");
    assert!(config.contains(&site), "Debian's config includes sites");
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a config");
    let own = format!("daemon off; pid {here}/nginx.pid; error_log stderr;");
    let mut command = Command::new(program("nginx"));
    command.args(["-e", "stderr", "-g", &own, "-c"]).arg(file);
    Running::start(&mut command, &folder.join("nginx.log"))
}

/// Starts haproxy with Debian's defaults, and a check that names no host.
fn haproxy(folder: &Path, address: &str, node: &str) -> Running {
    let installed = fs::read_to_string("/etc/haproxy/haproxy.cfg").expect("Debian's config");
    let defaults = installed.find("\ndefaults").expect("defaults");
    let config = format!(
        "{}\nfrontend starling\n  bind {address}\n  default_backend node\n\
         backend node\n  option httpchk GET /healthz\n  server n2 {node} check inter 200ms\n",
        &installed[defaults..]
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config).expect("a config");
    let mut command = Command::new(program("haproxy"));
    command.args(["-db", "-f"]).arg(file);
    Running::start(&mut command, &folder.join("haproxy.log"))
}

/// Starts caddy with the line that Debian's file suggests.
fn caddy(folder: &Path, address: &str, node: &str) -> Running {
    let (_, port) = address.split_once(':').expect("a port");
    let config = format!("{{\n admin off\n}}\n:{port} {{\n reverse_proxy {node}\n}}\n");
    let file = folder.join("Caddyfile");
    fs::write(&file, config).expect("a config");
    let mut command = Command::new(program("caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(file).env("HOME", folder);
    command
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME");
    Running::start(&mut command, &folder.join("caddy.log"))
}

/// Sends a request by the node's name; `None` if nobody listens.
fn ask(address: &str, line: &str, rest: &str) -> Option<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("{line}\r\nHost: {NAME}\r\n{rest}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    Some(BufReader::new(stream))
}

/// Sends a request by the node's name and returns the whole answer.
fn told(address: &str, line: &str, rest: &str) -> Option<String> {
    let mut text = String::new();
    let rest = format!("Connection: close\r\n{rest}");
    ask(address, line, &rest)?.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Opens the events and returns the stream behind its greeting. The old version of HTTP has no
/// chunks between the lines.
fn subscribe(address: &str) -> BufReader<TcpStream> {
    let mut events = ask(address, "GET /events HTTP/1.0", "").expect("a proxy");
    for line in events.by_ref().lines() {
        let line = line.expect("the greeting comes at once");
        assert!(
            !line.starts_with("HTTP/") || line.contains(" 200 "),
            "{line}"
        );
        if line == "retry: 1000" {
            return events;
        }
    }
    panic!("the stream ends before its greeting");
}

/// Waits until the events tell that a transaction is final.
fn hear_final(events: BufReader<TcpStream>, id: &str) {
    for line in events.lines() {
        let line = line.expect("an event");
        let event = line.strip_prefix("data: ");
        let event = event.and_then(|data| serde_json::from_str::<Value>(data).ok());
        if event.is_some_and(|event| event["id"] == id && event["stage"] == "final") {
            return;
        }
    }
    panic!("the stream ends without {id}");
}

#[test]
fn payments_events_and_metrics_pass_through_each_proxy() {
    let testnet = Testnet::up(1);
    let http = free();
    let _node = node(&testnet, &http);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The workers of nginx are another user.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let [nginx_at, haproxy_at, caddy_at] = [free(), free(), free()];
    let proxies = [
        (&nginx_at, nginx(folder.path(), &nginx_at, &http)),
        (&haproxy_at, haproxy(folder.path(), &haproxy_at, &http)),
        (&caddy_at, caddy(folder.path(), &caddy_at, &http)),
    ];
    for (address, _) in &proxies {
        wait_for("the node behind a proxy", || {
            told(address, "GET /readyz HTTP/1.1", "")
                .filter(|text| text.starts_with("HTTP/1.1 200 "))
        });
        let events = subscribe(address);
        let url = format!("http://{address}");
        let sent = testnet.data(&["send", "alice", "bob", "1", "--node", &url]);
        assert_eq!(sent["status"], "final", "{url}: {sent}");
        hear_final(events, sent["id"].as_str().expect("an id"));
        let metrics = told(address, "GET /metrics HTTP/1.1", "").expect("an answer");
        assert!(metrics.contains("\nstarling_"), "{url}: {metrics}");
        in_chunks(address);
    }
    // Nothing comes after the greeting now, so that only a proxy that holds nothing back passes it.
    testnet.ok(&["testnet", "kill", "n1"]);
    for (address, _) in &proxies {
        drop(subscribe(address));
    }
}

/// Calls with a body in chunks, as some proxies pass every body on.
fn in_chunks(address: &str) {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"mempool","params":null}"#;
    let length = call.len();
    let rest = format!(
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {length:x}\r\n{call}\r\n0\r\n"
    );
    let answer = told(address, "POST /rpc HTTP/1.1", &rest).expect("an answer");
    assert!(answer.contains(r#""result":{"#), "{answer}");
}
