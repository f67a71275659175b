//! Neighbours as people write them, and whether they can be reached.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use starling_gossip::PeerId;
use starling_gossip::input::ConfiguredPeer;
use starling_gossip::message::MAX_LISTEN_ADDRESSES;
use starling_node::runtime::NamedPeer;

use crate::config::LISTEN;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;

/// Refuses neighbours that no datagram from `listen` reaches; the system would say "invalid
/// argument", once for each dial.
pub(crate) fn expect_reachable(listen: SocketAddr, peers: &[ConfiguredPeer]) -> Outcome {
    let Some(peer) = peers.iter().find(|peer| !reaches(listen, peer.address)) else {
        return Ok(());
    };
    let message = format!(
        "the neighbour {} cannot be reached from {listen}, where this node listens",
        peer.address
    );
    let next = format!("--listen {LISTEN}, or `listen = \"{LISTEN}\"` in the config file");
    Err(CliError::new(Exit::Config, message).next(next))
}

/// Whether a socket on `listen` can send to `peer`: not from loopback to elsewhere, nor from one
/// family of addresses to the other, unless it has both.
fn reaches(listen: SocketAddr, peer: SocketAddr) -> bool {
    let (from, to) = (listen.ip().to_canonical(), peer.ip().to_canonical());
    let has_both = listen.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED);
    let same_family = has_both || from.is_ipv4() == to.is_ipv4();
    let stays = !from.is_loopback() || to.is_loopback();
    same_family && stays && !to.is_unspecified()
}

/// What neighbours may be told: addresses of machines, as many as a greeting holds.
///
/// # Errors
/// [`Exit::Config`] for others, and for too many.
pub(crate) fn advertised(addresses: &[SocketAddr]) -> Outcome<Vec<SocketAddr>> {
    let wrong = |message| Err(CliError::new(Exit::Config, message));
    if addresses.len() > MAX_LISTEN_ADDRESSES {
        return wrong(format!(
            "{} addresses to advertise; at most {MAX_LISTEN_ADDRESSES}",
            addresses.len()
        ));
    }
    let empty = |address: &&SocketAddr| address.ip().is_unspecified() || address.port() == 0;
    match addresses.iter().find(empty) {
        Some(address) => wrong(format!(
            "nobody can dial {address}, which is to be advertised"
        )),
        None => Ok(addresses.to_vec()),
    }
}

/// Parses neighbours: those with an address, and those with a name.
///
/// # Errors
/// [`Exit::Config`] quotes what is none.
pub(crate) fn parse(texts: &[String]) -> Outcome<(Vec<ConfiguredPeer>, Vec<NamedPeer>)> {
    let (mut peers, mut named) = (Vec::new(), Vec::new());
    for text in texts {
        match neighbour(text)? {
            Neighbour::At(peer) => peers.push(peer),
            Neighbour::Named(peer) => named.push(peer),
        }
    }
    Ok((peers, named))
}

#[derive(Debug, PartialEq, Eq)]
enum Neighbour {
    At(ConfiguredPeer),
    Named(NamedPeer),
}

/// Parses `HOST:PORT` or `PEERID@HOST:PORT`.
fn neighbour(text: &str) -> Outcome<Neighbour> {
    let (id, address) = match text.split_once('@') {
        Some((id, address)) => (Some(id), address),
        None => (None, text),
    };
    let wrong = || {
        let message = format!("`{text}` is no neighbour");
        CliError::new(Exit::Config, message).next("write HOST:PORT or PEERID@HOST:PORT")
    };
    let peer = id.map(str::parse::<PeerId>).transpose();
    let peer = peer.map_err(|_| wrong())?;
    if let Ok(address) = address.parse() {
        return Ok(Neighbour::At(ConfiguredPeer { address, peer }));
    }
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let digits = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = digits
        .and_then(|port| port.parse().ok())
        .filter(|port| *port != 0);
    Ok(Neighbour::Named(NamedPeer {
        host: Some(host)
            .filter(|host| is_host_name(host))
            .ok_or_else(wrong)?
            .to_owned(),
        port: port.ok_or_else(wrong)?,
        peer,
    }))
}

/// Whether a text is a name of a host (RFC 1123, section 2.1; underscores are common) and not an
/// address with a mistake in it.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

#[cfg(test)]
mod tests {
    use starling_ledger::keys::{SecretKey, Signer as _};

    use super::*;

    fn at(text: &str) -> ConfiguredPeer {
        match neighbour(text).unwrap() {
            Neighbour::At(peer) => peer,
            Neighbour::Named(peer) => panic!("{peer:?}"),
        }
    }

    #[test]
    fn neighbours_may_be_named_with_their_id() {
        let key = SecretKey::local("n1 node").public_key();
        let id = Some(PeerId(*key.as_bytes()));
        assert_eq!(at(&format!("{key}@127.0.0.1:7201")).peer, id);
        assert_eq!(at("127.0.0.1:7201").peer, None);
        assert_eq!(at("[::1]:7201").peer, None);
        let named = |host: &str, port, peer| {
            let host = host.to_owned();
            Neighbour::Named(NamedPeer { host, port, peer })
        };
        for (text, expected) in [
            ("n1:7000".to_owned(), named("n1", 7000, None)),
            (
                format!("{key}@n1.example.org.:1"),
                named("n1.example.org.", 1, id),
            ),
            ("node_1-a:65535".to_owned(), named("node_1-a", 65535, None)),
        ] {
            assert_eq!(neighbour(&text).unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "somewhere",
            "ab@127.0.0.1:1",
            "@127.0.0.1:1",
            "127.0.0.1",
            "n1:0",
            "n1:70000",
            "n1:",
            ":7000",
            "192.0.2:7000",
            "192.0.2.300:7000",
            "::1:7000",
            "-n:7000",
            "n..1:7000",
            "n 1:7000",
            "n1:+7",
            "https://n1:7000",
        ] {
            assert_eq!(neighbour(text).unwrap_err().exit, Exit::Config, "{text}");
        }
    }

    #[test]
    fn what_nobody_can_dial_is_not_advertised() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let good = [address("203.0.113.5:7000"), address("[2001:db8::5]:7000")];
        assert_eq!(advertised(&good).unwrap(), good);
        for bad in ["0.0.0.0:7000", "[::]:7000", "203.0.113.5:0"] {
            assert_eq!(
                advertised(&[address(bad)]).unwrap_err().exit,
                Exit::Config,
                "{bad}"
            );
        }
        assert!(advertised(&[good[0]; 9]).is_err());
    }

    #[test]
    fn neighbours_that_the_socket_does_not_reach_are_refused() {
        let table = [
            ("[::]:7000", "192.0.2.7:7000", true),
            ("[::]:7000", "[2001:db8::7]:7000", true),
            ("[::]:7000", "127.0.0.1:7201", true),
            ("[::]:7000", "0.0.0.0:7000", false),
            ("[::]:7000", "[::]:7000", false),
            ("0.0.0.0:7000", "192.0.2.7:7000", true),
            ("0.0.0.0:7000", "[2001:db8::7]:7000", false),
            ("127.0.0.1:7000", "127.0.0.1:7201", true),
            ("127.0.0.1:7000", "192.0.2.7:7000", false),
            ("127.0.0.1:7000", "[::1]:7000", false),
            ("[::1]:7000", "[::1]:7201", true),
            ("[::1]:7000", "[2001:db8::7]:7000", false),
            ("[2001:db8::1]:7000", "192.0.2.7:7000", false),
        ];
        for (listen, address, expected) in table {
            let (listen, named) = (listen.parse().unwrap(), at(address));
            let refused = expect_reachable(listen, &[named]).err();
            assert_eq!(refused.is_none(), expected, "{listen} to {address}");
            assert!(refused.is_none_or(|error| error.exit == Exit::Config));
        }
    }
}
