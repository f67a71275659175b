//! A free range of ports: HTTP on the base + 1, 2, …, neighbours on the base + 101, 102, ….

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;

use super::folder::Plan;

/// The base that is tried first.
const FIRST: u16 = 7_100;
/// The distance between bases: both ranges fit in between.
const STEP: u16 = 200;
/// How many bases are tried.
const TRIES: u16 = 50;

/// Finds a base whose ports are all free; `wanted` is the only one tried where it is given.
///
/// # Errors
/// [`Exit::PortInUse`] names the flag that helps.
pub(crate) fn find(validators: u16, wanted: Option<u16>, last: Option<u16>) -> Outcome<u16> {
    if let Some(base) = wanted {
        return match taken(&Plan::new(validators, base)) {
            None => Ok(base),
            Some(port) => Err(in_use(port)),
        };
    }
    let bases = (0..TRIES).map(|index| FIRST + index * STEP);
    last.into_iter()
        .chain(bases)
        .find(|base| taken(&Plan::new(validators, *base)).is_none())
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
        let base = find(2, None, None).unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 2)).unwrap();
        assert_eq!(find(2, Some(base), None).unwrap_err().exit, Exit::PortInUse);
        assert_ne!(find(2, None, Some(base)).unwrap(), base);
    }
}
