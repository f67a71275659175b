//! The UDP socket under all links: bound once, its kernel buffers raised where the host allows.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// What is asked of the kernel for each direction: 40 ms of a 100 MB/s burst. Linux grants no more
/// than `net.core.rmem_max` and `wmem_max`, often 208 KiB.
pub const UDP_BUFFER_BYTES: usize = 4 << 20;

/// The sizes of the socket's kernel buffers, as the system reports them (Linux: twice what
/// payload may use).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketBuffers {
    /// For datagrams that wait to be read.
    pub receive_bytes: usize,
    /// For datagrams that wait to be sent.
    pub send_bytes: usize,
}

impl SocketBuffers {
    /// Returns whether the host granted [`UDP_BUFFER_BYTES`] both ways; if not, `doctor` says so.
    pub fn are_as_wanted(&self) -> bool {
        self.receive_bytes.min(self.send_bytes) >= UDP_BUFFER_BYTES
    }
}

/// Why the transport has no socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another process listens there.
    #[error("the UDP address {address} is in use")]
    InUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The host refuses the address or the socket.
    #[error("cannot listen on the UDP address {address}: {source}")]
    Io {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the host says.
        source: io::Error,
    },
}

/// Binds `address`; port 0 asks for a free port, `[::]` takes IPv4 as well, and on a host without
/// IPv6 nothing else.
///
/// # Errors
/// [`BindError`], which names the address.
pub(super) fn bind(address: SocketAddr) -> Result<(UdpSocket, SocketBuffers), BindError> {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
    let opened = match open(address) {
        Err(error) if address == any && error.kind() != io::ErrorKind::AddrInUse => {
            open((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        opened => opened,
    };
    opened.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Io { address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<(UdpSocket, SocketBuffers)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // Best effort: a host that grants less is slower under bursts, and is told so.
    let _ = socket.set_recv_buffer_size(UDP_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(UDP_BUFFER_BYTES);
    let buffers = SocketBuffers {
        receive_bytes: socket.recv_buffer_size()?,
        send_bytes: socket.send_buffer_size()?,
    };
    Ok((socket.into(), buffers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_address_in_use_apart() {
        let (first, buffers) = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        assert!(buffers.receive_bytes > 0 && buffers.send_bytes > 0);
        let taken = first.local_addr().expect("it is bound");
        let error = bind(taken).expect_err("taken");
        assert!(matches!(error, BindError::InUse { address } if address == taken));
        assert_eq!(
            error.to_string(),
            format!("the UDP address {taken} is in use")
        );
    }

    #[test]
    fn names_the_address_that_the_host_refuses() {
        let foreign = SocketAddr::from(([192, 0, 2, 1], 7000));
        let error = bind(foreign).expect_err("no interface has a documentation address");
        assert!(matches!(error, BindError::Io { address, .. } if address == foreign));
        assert!(error.to_string().contains("192.0.2.1:7000"));
    }
}
