//! The HTTP interface of a node, on one port.
//!
//! | path | what |
//! |---|---|
//! | `POST /rpc` | JSON-RPC 2.0, alone or in batches: module `methods` |
//! | `GET /rpc/<method>?…` | the same methods, reads only, with the bare result as the body |
//! | `GET /events` | server-sent events that resume: module `events` |
//! | `GET /metrics` | for Prometheus: module `metrics` |
//! | `GET /healthz`, `GET /readyz` | whether it lives, and whether it is of use: module `health` |
//! | `GET /openrpc.json` | the methods, for programs |
//!
//! It runs on a thread and a runtime of its own, so that no client slows consensus. The chain is
//! read from committed snapshots in a few threads; only what waits in the mempool and who the
//! neighbours are is asked of the core.
//!
//! # Limits
//! All bounds stand in [`HttpLimits`] and beside what they bound. Connections that send or take
//! nothing are closed, headers and bodies have sizes and deadlines, and long answers share a budget
//! of memory.
//!
//! # Security
//! A request must name this node in `Host`: by an address, as `localhost`, or by a name it was
//! given (`http_hosts`). So no page of a browser reaches it by a name of its own (DNS rebinding).
//! Only the questions for health may leave `Host` out, which no browser does. No CORS header is
//! ever sent, and calls must be JSON by their content type, which a page of another origin cannot
//! send unasked.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "sockets, clocks and a thread of its own: this is an edge of the node"
)]

mod answer;
mod batch;
mod budget;
mod connection;
mod error;
mod events;
mod guard;
mod headless;
mod health;
mod host;
mod hub;
mod json;
mod limits;
mod memory;
mod methods;
mod metrics;
mod openrpc;
mod parameters;
#[cfg(any(test, fuzzing))]
pub mod probe;
mod replay;
mod router;
mod rpc;
mod server;
mod site;
mod stall;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use host::{HostName, HostNameError};
pub use limits::HttpLimits;

use crate::runtime::NodeHandle;
use site::Site;

/// After how many steps of tasks the sockets are looked at again. Our choice: fewer than the usual
/// 61, because wording a burst of events takes some steps of a tenth of a millisecond.
const SOCKET_INTERVAL: u32 = 8;

/// What the kernel may keep of what is sent on one connection; it takes twice that with what it
/// adds. Our choice: 2.5 MB a second at 50 ms.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// How long a stop waits for reads under way. Our choice: none takes a tenth of it on a disk that
/// works.
const READS_PATIENCE: Duration = Duration::from_secs(5);

/// The running HTTP interface; it ends when this is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Binds `address` and serves the node of `handle` there, by these names beside its addresses,
/// until the server is stopped.
///
/// # Errors
/// The error of binding, most often that the port is in use; that the chain cannot be read; or that
/// the machine refuses a thread.
pub fn serve(
    address: SocketAddr,
    names: Vec<HostName>,
    handle: NodeHandle,
) -> io::Result<HttpServer> {
    serve_within((address, names), handle, HttpLimits::default())
}

/// Like [`serve`], with bounds of the caller's choice.
///
/// # Errors
/// Those of [`serve`].
pub fn serve_within(
    (address, names): (SocketAddr, Vec<HostName>),
    handle: NodeHandle,
    limits: HttpLimits,
) -> io::Result<HttpServer> {
    let listener = TcpListener::bind(address)?;
    // Connections inherit it. Without, the kernel keeps up to 4 MiB for each that does not read.
    rustix::net::sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let site = Arc::new(Site::new(handle, (address, names), limits)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("http-read")
        .event_interval(SOCKET_INTERVAL)
        .max_blocking_threads(limits.reads_max)
        .build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            if let Err(error) = runtime.block_on(server::run(listener, site, stopped)) {
                tracing::error!(%error, "the HTTP interface has ended");
            }
            // What reads the store ends before the node lets go of it.
            runtime.shutdown_timeout(READS_PATIENCE);
        })?;
    Ok(HttpServer {
        address,
        stop: Some(stop),
        thread: Some(thread),
    })
}

impl HttpServer {
    /// Returns where it listens, with the port the system chose if none was given.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and all connections.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // A server that ended by itself no longer listens for this.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!(?panic, "the HTTP interface has panicked");
        }
    }
}
