//! A client that writes and reads plain bytes.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a test waits for what has to come; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Response {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

/// Opens a connection.
pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads what comes until the other side closes.
pub(super) fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // What was sent after the other side had closed may make it end so.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is not closed: {error}"),
    }
    String::from_utf8(bytes).unwrap()
}

/// Sends bytes and reads the response until the connection is closed.
pub(super) fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = connect(address);
    // The other side may close before all is sent.
    let _ = stream.write_all(request);
    read_response(&mut stream)
}

/// Reads the response until the connection is closed.
pub(super) fn read_response(stream: &mut TcpStream) -> Response {
    let text = read_to_end(stream);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {text}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap();
    Response {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// Sends a request without body.
pub(super) fn request(address: SocketAddr, line: &str, headers: &str) -> Response {
    let request = format!("{line} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    exchange(address, request.as_bytes())
}

/// Sends a `GET` as a client of this machine does.
pub(super) fn get(address: SocketAddr, path: &str) -> Response {
    request(
        address,
        &format!("GET {path}"),
        &format!("Host: {address}\r\n"),
    )
}

/// Posts a body to `/rpc`.
pub(super) fn post(address: SocketAddr, body: &str) -> Response {
    post_with(address, "Content-Type: application/json\r\n", body)
}

/// Posts a body with other headers.
pub(super) fn post_with(address: SocketAddr, headers: &str, body: &str) -> Response {
    let length = body.len();
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    exchange(address, request.as_bytes())
}

/// Makes a call and returns its result.
pub(super) fn call(address: SocketAddr, method: &str, parameters: Value) -> Value {
    let mut answer = answer(address, method, parameters);
    assert_eq!(answer.get("error"), None, "{method}");
    answer["result"].take()
}

/// Makes a call that fails and returns its error.
pub(super) fn failed(address: SocketAddr, method: &str, parameters: Value) -> Value {
    let mut answer = answer(address, method, parameters);
    assert_eq!(answer.get("result"), None, "{method}");
    answer["error"].take()
}

fn answer(address: SocketAddr, method: &str, parameters: Value) -> Value {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters});
    let answer = post(address, &call.to_string()).json();
    assert_eq!(
        (&answer["jsonrpc"], &answer["id"]),
        (&json!("2.0"), &json!(7))
    );
    answer
}

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) data: Value,
}

/// A stream of events.
pub(super) struct Events {
    stream: BufReader<TcpStream>,
    pub(super) head: String,
}

impl Events {
    /// Opens `path` with further headers and reads the head of the response.
    pub(super) fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut events = Self::subscribe_with(address, path, headers);
        // The greeting: the subscription stands.
        while events.line().unwrap() != "retry: 1000" {}
        events
    }

    /// Opens `path` and reads the head of the response alone.
    pub(super) fn subscribe(address: SocketAddr, path: &str) -> Self {
        Self::subscribe_with(address, path, "")
    }

    fn subscribe_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = connect(address);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut events = Self {
            stream: BufReader::new(stream),
            head: String::new(),
        };
        while !events.head.ends_with("\r\n\r\n") {
            let line = events.raw_line().unwrap();
            events.head.push_str(&line);
        }
        assert!(events.head.starts_with("HTTP/1.1 200 "), "{}", events.head);
        events
    }

    /// Waits for the next event; `None` at the end of the stream.
    pub(super) fn next(&mut self) -> Option<Event> {
        let (mut id, mut kind, mut data) = (None, String::new(), Value::Null);
        loop {
            let line = self.line()?;
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut kind);
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = serde_json::from_str(value).unwrap();
            } else if line.is_empty() && !kind.is_empty() {
                return Some(Event { id, kind, data });
            }
        }
    }

    /// Waits for `count` events and returns their ids.
    pub(super) fn ids(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| self.next().unwrap().id.unwrap_or_default())
            .collect()
    }

    /// Waits for the next line of text. Lines that end like those of HTTP only frame chunks.
    pub(super) fn line(&mut self) -> Option<String> {
        loop {
            let line = self.raw_line()?;
            if let Some(text) = line.strip_suffix('\n').filter(|text| !text.ends_with('\r')) {
                return Some(text.to_owned());
            }
        }
    }

    fn raw_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            read => read.map(|_| line).map(Some).unwrap(),
        }
    }
}
