//! A narrow way to a node: a relay of datagrams that lets so many bytes a second pass to one peer.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;
/// How often a direction looks whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// A relay; it ends when it is dropped.
pub(crate) struct Narrow {
    address: SocketAddr,
    is_open: Arc<AtomicBool>,
    is_narrow: Arc<AtomicBool>,
}

impl Narrow {
    /// Relays to `target`, and from it `rate` bytes a second.
    pub(crate) fn start(target: SocketAddr, rate: u64) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (near, far) = (Arc::new(bind()), Arc::new(bind()));
        let address = near.local_addr().expect("an address");
        let (is_open, is_narrow) = (Arc::new(true.into()), Arc::new(true.into()));
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        }
        far.connect(target).expect("a target");
        let relay = Self {
            address,
            is_open,
            is_narrow,
        };
        let (open, narrow) = (Arc::clone(&relay.is_open), Arc::clone(&relay.is_narrow));
        thread::spawn(move || {
            let mut bytes = vec![0; DATAGRAM_BYTES];
            let mut back = None;
            while open.load(Ordering::Relaxed) {
                let Ok((count, from)) = near.recv_from(&mut bytes) else {
                    continue;
                };
                // Who cannot be reached loses a datagram, as on any way.
                let _ = far.send(&bytes[..count]);
                back.get_or_insert_with(|| {
                    let (near, far) = (Arc::clone(&near), Arc::clone(&far));
                    let (open, narrow) = (Arc::clone(&open), Arc::clone(&narrow));
                    thread::spawn(move || return_way(&near, &far, from, (&open, &narrow), rate))
                });
            }
        });
        relay
    }

    /// Where the peer has to dial.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything pass from now on.
    pub(crate) fn widen(&self) {
        self.is_narrow.store(false, Ordering::Relaxed);
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Relaxed);
    }
}

fn return_way(
    near: &UdpSocket,
    far: &UdpSocket,
    to: SocketAddr,
    (open, narrow): (&AtomicBool, &AtomicBool),
    rate: u64,
) {
    let mut bytes = vec![0; DATAGRAM_BYTES];
    while open.load(Ordering::Relaxed) {
        let Ok(count) = far.recv(&mut bytes) else {
            continue;
        };
        if narrow.load(Ordering::Relaxed) {
            let micros = 1_000_000 * u64::try_from(count).expect("a datagram") / rate;
            thread::sleep(Duration::from_micros(micros));
        }
        let _ = near.send_to(&bytes[..count], to);
    }
}
