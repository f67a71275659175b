//! By which names a node is spoken to.
//!
//! A page in a browser can make its own name point to this machine and then talk to the node as if
//! it were of the same origin (DNS rebinding); but it cannot choose the `Host` header, which holds
//! that name. So only these count: addresses, which are nobody's name; `localhost`, which is this
//! machine's for everybody; and the names that whoever runs the node gives it. The port says
//! nothing, since a tunnel, a container or a proxy in between has a port of its own.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Most letters of a name.
///
/// # Source
/// RFC 1035, section 2.3.4, as text without the last dot.
const NAME_CHARS_MAX: usize = 253;
/// The port of a `Host` that names none.
const DEFAULT_PORT: u16 = 80;

/// A name that a node is reached by over HTTP, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of a host: write it without scheme, port and wildcard")]
pub struct HostNameError {
    /// What was given.
    text: String,
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let part = |part: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !part.is_empty() && part.bytes().all(known)
        };
        if text.len() > NAME_CHARS_MAX || !text.split('.').all(part) {
            let text = text.to_owned();
            return Err(HostNameError { text });
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// The names of one server.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    /// Where it listens.
    address: SocketAddr,
    /// The names it was given.
    names: Vec<HostName>,
}

impl Hosts {
    pub(super) const fn new(address: SocketAddr, names: Vec<HostName>) -> Self {
        Self { address, names }
    }

    /// Says whether the `Host` of a request names this server.
    pub(super) fn allow(&self, host: &str) -> bool {
        split(host).is_some_and(|(name, _)| {
            address(name).is_some() || is_localhost(name) || self.is_given(name)
        })
    }

    /// Says whether a page of `origin` may call: it came from where its request goes to, or from
    /// this server by another of its names.
    pub(super) fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let Some(("http" | "https", from)) = origin.split_once("://") else {
            return false;
        };
        let Some((name, port)) = split(from) else {
            return false;
        };
        let own = match address(name) {
            Some(ip) => ip.is_loopback() || ip == self.address.ip(),
            None => is_localhost(name),
        };
        from.eq_ignore_ascii_case(host)
            || own && port.unwrap_or(DEFAULT_PORT) == self.address.port()
            || self.is_given(name)
    }

    fn is_given(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|given| given.0.eq_ignore_ascii_case(name))
    }
}

fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

/// Reads an address as it stands in a host.
fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']')?;
            inner.parse::<Ipv6Addr>().ok().map(IpAddr::from)
        }
        None => name.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

/// Splits a host into its name and the port, where one is named.
pub(super) fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let after_name = host.rfind(']').map_or(0, |end| end + 1);
    match host.get(after_name..)?.find(':') {
        None => Some((host, None)),
        Some(colon) => {
            let (name, port) = host.split_at(after_name + colon);
            let digits = port.strip_prefix(':')?;
            let port: u16 = digits.parse().ok()?;
            // One way to write a port: no sign, no zeros in front.
            (port.to_string() == digits).then_some((name, Some(port)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        Hosts::new(SocketAddr::from(([127, 0, 0, 1], 7100)), names)
    }

    #[test]
    fn addresses_and_localhost_are_allowed_whatever_the_port() {
        for host in [
            "127.0.0.1:7100",
            "127.0.0.1",
            "127.0.0.1:8080",
            "localhost:7100",
            "LOCALHOST:8080",
            "localhost",
            "[::1]:7100",
            "[::1]",
            "10.0.0.1:9",
            "[2001:db8::7]:7100",
        ] {
            assert!(hosts(&[]).allow(host), "{host}");
        }
    }

    #[test]
    fn what_a_page_could_be_called_is_not_allowed() {
        for host in [
            "",
            ":7100",
            "localhost:+7100",
            "localhost:07100",
            "localhost:65536",
            "localhost.:7100",
            "localhost.attacker.example",
            "attacker.example:7100",
            "127.0.0.1.nip.io:7100",
            "user@127.0.0.1:7100",
            "0x7f.1:7100",
            "127.1:7100",
            "2130706433",
            "::1:7100",
            "[::1]x:7100",
            "[attacker.example]:7100",
            "127.0.0.1:7100:7100",
            "127.0.0.1, attacker.example",
        ] {
            assert!(!hosts(&["node.example"]).allow(host), "{host}");
        }
    }

    #[test]
    fn a_given_name_is_allowed_and_nothing_that_only_contains_it() {
        let hosts = hosts(&["Node.example", "n1"]);
        for host in ["node.example", "NODE.EXAMPLE:9090", "n1:7100"] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in ["a.node.example", "node.example.attacker.example", "n1x"] {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_own_if_the_request_goes_to_where_it_came_from() {
        let hosts = hosts(&["node.example"]);
        for (origin, host) in [
            ("http://localhost:8080", "localhost:8080"),
            ("http://10.0.0.1:8080", "10.0.0.1:8080"),
            ("http://localhost:7100", "127.0.0.1:7100"),
            ("https://node.example", "127.0.0.1:7100"),
        ] {
            assert!(hosts.is_own_origin(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:3000", "localhost:7100"),
            ("http://10.0.0.1:7100", "127.0.0.1:7100"),
            ("http://attacker.example", "127.0.0.1:7100"),
            ("file://localhost:7100", "localhost:7100"),
            ("null", "127.0.0.1:7100"),
            ("", ""),
        ] {
            assert!(!hosts.is_own_origin(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn a_name_is_given_without_scheme_port_and_wildcard() {
        for text in [
            "",
            "*",
            "*.example",
            "node.example:7100",
            "http://node.example",
            "node.example/",
            ".example",
            "node..example",
            "node.example.",
            "nodé.example",
            "a b",
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        assert!(long.parse::<HostName>().is_err());
    }
}
