//! A free range of ports: HTTP on the base + 1, 2, …, neighbours on the base + 101, 102, …. The
//! base itself is held while a testnet runs, so that no other one takes the range: not while its
//! nodes start, and not when one of them is stopped.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;

use crate::error::{CliError, Outcome};
use crate::exit::Exit;

use super::folder::Plan;

/// The base that is tried first.
const FIRST: u16 = 7_100;
/// The distance between bases: both ranges fit in between.
const STEP: u16 = 200;
/// How many bases are tried.
const TRIES: u16 = 50;

/// A range of ports, taken until the last copy of this is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    base: u16,
    _held: Arc<TcpListener>,
}

impl Claim {
    /// Returns the port before the first.
    pub(crate) const fn base(&self) -> u16 {
        self.base
    }

    /// Takes a range, or says which of its ports another program has.
    fn take(validators: u16, base: u16) -> Result<Self, u16> {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, base)).map_err(|_| base)?;
        match taken(&Plan::new(validators, base)) {
            None => Ok(Self {
                base,
                _held: Arc::new(held),
            }),
            Some(port) => Err(port),
        }
    }
}

/// Takes a range whose ports are all free; `wanted` is the only base tried where it is given.
///
/// # Errors
/// [`Exit::PortInUse`] names the flag that helps.
pub(crate) fn find(validators: u16, wanted: Option<u16>, last: Option<u16>) -> Outcome<Claim> {
    if let Some(base) = wanted {
        return Claim::take(validators, base).map_err(in_use);
    }
    let bases = (0..TRIES).map(|index| FIRST + index * STEP);
    last.into_iter()
        .chain(bases)
        .find_map(|base| Claim::take(validators, base).ok())
        .ok_or_else(|| in_use(FIRST + 1))
}

fn in_use(port: u16) -> CliError {
    CliError::new(Exit::PortInUse, format!("port {port} is in use"))
        .next("starling testnet up --port-base N, which moves all ports")
}

/// Returns a port of the plan that another program has.
fn taken(plan: &Plan) -> Option<u16> {
    let http = plan.nodes().map(|(number, _)| plan.http_port(number));
    let listen = plan.nodes().map(|(number, _)| plan.listen_port(number));
    let local = Ipv4Addr::LOCALHOST;
    let mut http = http.filter(|port| TcpListener::bind((local, *port)).is_err());
    let mut listen = listen.filter(|port| UdpSocket::bind((local, *port)).is_err());
    http.next().or_else(|| listen.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_a_range_with_a_taken_port() {
        let base = find(2, None, None).unwrap().base();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 2)).unwrap();
        assert_eq!(find(2, Some(base), None).unwrap_err().exit, Exit::PortInUse);
        assert_ne!(find(2, None, Some(base)).unwrap().base(), base);
    }

    #[test]
    fn two_never_have_the_same_range() {
        let first = find(2, None, None).unwrap();
        let second = find(2, None, Some(first.base())).unwrap();
        assert_ne!(first.base(), second.base());
        let refused = find(2, Some(first.base()), None).unwrap_err();
        assert_eq!(refused.exit, Exit::PortInUse);
    }
}
