//! A proxy before a node's HTTP interface that loses, cuts, delays and spoils what passes, as the
//! network and other people's proxies do.
//!
//! It takes one request per connection, asks the plan of the test what is to happen to it, and
//! closes. Everything it starts ends with the process; nothing passes once it is dropped.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Most bytes of the body of a request: a transaction in hex, and some room.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// One request, before it is passed on.
#[derive(Clone, Debug)]
pub struct Call {
    /// How many came before it.
    pub number: u64,
    /// The method of JSON-RPC, or the path of anything else.
    pub method: String,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on, and so is the answer.
    None,
    /// The connection is closed before the node hears of it.
    LoseRequest,
    /// The node answers, and the connection is closed without it.
    LoseAnswer,
    /// The node answers, and half of it is passed on.
    CutAnswer,
    /// The node answers, and something else is passed on: a page that says 502.
    BadGateway,
    /// The node answers, and something that is no HTTP is passed on.
    Garbage,
    /// The connection is closed at once, and the node hears of it after this time.
    Late(Duration),
    /// It is passed on after this time.
    Slow(Duration),
}

/// What decides over each request.
type Plan = dyn Fn(&Call) -> Fault + Send + Sync;

/// A proxy before one node.
pub struct Proxy {
    address: SocketAddr,
    is_open: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
}

/// A request as it came.
struct Request {
    first: String,
    body: Vec<u8>,
}

impl Proxy {
    /// Stands before the node at `url`, and does with each request what `plan` says.
    ///
    /// # Panics
    /// If `url` is none, or no port is free.
    pub fn before(url: &str, plan: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> Self {
        let node = url.trim_start_matches("http://");
        let node: SocketAddr = node.parse().expect("the address of a node");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (is_open, calls) = (Arc::new(AtomicBool::new(true)), Arc::default());
        let (open, count): (_, Arc<AtomicU64>) = (Arc::clone(&is_open), Arc::clone(&calls));
        let plan: Arc<Plan> = Arc::new(plan);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !open.load(Ordering::SeqCst) {
                    return;
                }
                let (plan, count) = (Arc::clone(&plan), Arc::clone(&count));
                // Whoever is cut off sees it; there is nobody to tell.
                thread::spawn(move || drop(serve(&stream, node, &*plan, &count)));
            }
        });
        Self {
            address,
            is_open,
            calls,
        }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how many requests came.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::SeqCst);
        // The thread looks when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(client: &TcpStream, node: SocketAddr, plan: &Plan, count: &AtomicU64) -> io::Result<()> {
    let request = read(client)?;
    let call = Call {
        number: count.fetch_add(1, Ordering::SeqCst),
        method: request.method(),
    };
    match plan(&call) {
        Fault::None => pass(client, node, &request)?,
        Fault::LoseRequest => {}
        Fault::LoseAnswer => drop(answer(node, &request)?),
        Fault::CutAnswer => {
            let bytes = answer(node, &request)?;
            let half = bytes.len() / 2;
            (&*client).write_all(&bytes[..half])?;
        }
        Fault::BadGateway => {
            drop(answer(node, &request)?);
            let page = "<html>502 Bad Gateway</html>";
            let head = "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\nconnection: close";
            let length = page.len();
            let text = format!("{head}\r\ncontent-length: {length}\r\n\r\n{page}");
            (&*client).write_all(text.as_bytes())?;
        }
        Fault::Garbage => {
            drop(answer(node, &request)?);
            (&*client).write_all(&[0x15, 3, 1, 0, 2, 2, 0x46])?;
        }
        Fault::Late(time) => {
            client.shutdown(Shutdown::Both)?;
            thread::sleep(time);
            drop(answer(node, &request)?);
        }
        Fault::Slow(time) => {
            thread::sleep(time);
            pass(client, node, &request)?;
        }
    }
    client.shutdown(Shutdown::Both)
}

/// Reads one request.
fn read(client: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            break;
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { first, body })
}

impl Request {
    fn method(&self) -> String {
        let path = self.first.split(' ').nth(1).unwrap_or_default();
        let called: Option<Value> = serde_json::from_slice(&self.body).ok();
        let called = called.and_then(|call| Some(call["method"].as_str()?.to_owned()));
        called.unwrap_or_else(|| path.to_owned())
    }

    /// Hands it to the node, which closes after its answer.
    fn send(&self, node: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(node)?;
        let first = self.first.trim();
        let length = self.body.len();
        let kind = "content-type: application/json\r\naccept: text/event-stream";
        let head = format!(
            "{first}\r\nhost: {node}\r\nconnection: close\r\n{kind}\r\n\
             content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        Ok(stream)
    }
}

/// Passes a request on, and the answer back as it comes.
fn pass(mut client: &TcpStream, node: SocketAddr, request: &Request) -> io::Result<()> {
    let mut stream = request.send(node)?;
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => client.write_all(&buffer[..count])?,
        }
    }
}

/// Passes a request on, and takes the whole answer.
fn answer(node: SocketAddr, request: &Request) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    request.send(node)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
