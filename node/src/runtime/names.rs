//! Peers by host name: who is behind a name, asked again and again.
//!
//! An address may change while the name stays: containers, dynamic DNS. So a name is looked up at
//! the start, when a dial to one of its addresses failed or its link ended, and now and then. The
//! core knows addresses only; it is told of those that are new and of those that are gone.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};
use starling_gossip::PeerId;
use starling_gossip::input::{ConfiguredPeer, Input};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long an answer is waited for, for each address family. Our choice: a resolver of glibc asks
/// a second server after five seconds, and a family that nobody answers must not hold up the other.
const PATIENCE: Duration = Duration::from_secs(5);
/// The shortest time from one lookup of a name to the next: a peer that is away is dialed every
/// four seconds.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest. Our choice: as short as the lifetimes of DNS records are where addresses move.
const EVERY: Duration = Duration::from_secs(60);
/// Most addresses of a name that are dialed. Our choice: a name is one peer, or a few behind one.
const ADDRESSES_MAX: usize = 8;
const FAMILIES: [AddrFamily; 2] = [AddrFamily::Inet, AddrFamily::Inet6];

/// A peer that a person named by its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPeer {
    /// The host's name.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
    /// Who it has to be; `None` takes whoever answers.
    pub peer: Option<PeerId>,
}

/// What a lookup found.
pub(super) struct Found {
    name: usize,
    addresses: Result<BTreeSet<SocketAddr>, String>,
}

/// The names, and what is behind them.
pub(super) struct Names {
    names: Vec<Name>,
}

struct Name {
    named: NamedPeer,
    addresses: BTreeSet<SocketAddr>,
    /// Whether the last lookup failed, or none has ended yet.
    failing: Option<bool>,
    again: Arc<Notify>,
}

/// One lookup at a time for each family; one that takes long is waited for in the next round.
struct Lookup {
    named: NamedPeer,
    asked: [Option<JoinHandle<io::Result<Vec<SocketAddr>>>>; 2],
}

impl Names {
    /// Begins to look the names up, on the current runtime.
    pub(super) fn start(named: &[NamedPeer]) -> (Self, UnboundedReceiver<Found>) {
        let (found, inbox) = unbounded_channel();
        let start = |(name, named): (usize, &NamedPeer)| {
            let again = Arc::new(Notify::new());
            let lookup = Lookup {
                named: named.clone(),
                asked: [None, None],
            };
            tokio::spawn(lookup.run(name, found.clone(), Arc::clone(&again)));
            Name {
                named: named.clone(),
                addresses: BTreeSet::new(),
                failing: None,
                again,
            }
        };
        let names = named.iter().enumerate().map(start).collect();
        (Self { names }, inbox)
    }

    /// A dial to `address` failed, or the link there ended: the name may have moved.
    pub(super) fn lost(&self, address: SocketAddr) {
        for name in &self.names {
            if name.addresses.contains(&address) {
                name.again.notify_one();
            }
        }
    }

    /// Takes what was found; returns what the core has to be told. A lookup that fails takes
    /// nothing away: the servers may be away, and not the peer.
    pub(super) fn take(&mut self, found: Found) -> Vec<Input> {
        let others: BTreeSet<_> = self
            .names
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != found.name)
            .flat_map(|(_, name)| name.addresses.iter().copied())
            .collect();
        let Some(name) = self.names.get_mut(found.name) else {
            return Vec::new();
        };
        let host = &name.named.host;
        let addresses = match found.addresses {
            Ok(addresses) => addresses,
            Err(reason) => {
                if name.failing != Some(true) {
                    tracing::warn!(host, "the peer's name is not found: {reason}");
                }
                name.failing = Some(true);
                return vec![name.looked_up(Some(reason))];
            }
        };
        if name.failing == Some(true) {
            tracing::info!(host, "the peer's name is found again");
        }
        let peer = name.named.peer;
        let new = addresses.difference(&name.addresses);
        let new = new.map(|address| {
            tracing::info!(host, %address, "the peer's name has an address");
            Input::AddPeer(ConfiguredPeer {
                address: *address,
                peer,
            })
        });
        let gone = name.addresses.difference(&addresses);
        let gone = gone.filter(|address| !others.contains(address));
        let gone = gone.map(|address| Input::ForgetPeer(*address));
        let looked_up = (name.failing == Some(true)).then(|| name.looked_up(None));
        name.failing = Some(false);
        let inputs = new.chain(gone).chain(looked_up).collect();
        name.addresses = addresses;
        inputs
    }
}

impl Name {
    fn looked_up(&self, failure: Option<String>) -> Input {
        let NamedPeer { host, port, .. } = &self.named;
        Input::NameLookedUp {
            name: format!("{host}:{port}"),
            failure,
        }
    }
}

impl Lookup {
    async fn run(mut self, name: usize, found: UnboundedSender<Found>, again: Arc<Notify>) {
        loop {
            let addresses = self.once().await;
            if found.send(Found { name, addresses }).is_err() {
                return;
            }
            sleep(PAUSE).await;
            let _ = timeout(EVERY, again.notified()).await;
        }
    }

    /// Asks for both families at once. One answer is enough; the error is that of the last.
    async fn once(&mut self) -> Result<BTreeSet<SocketAddr>, String> {
        let [first, second] = &mut self.asked;
        let (first, second) = tokio::join!(
            ask(first, &self.named, FAMILIES[0]),
            ask(second, &self.named, FAMILIES[1])
        );
        let mut all: Vec<_> = [&first, &second].into_iter().flatten().flatten().collect();
        all.truncate(ADDRESSES_MAX);
        if all.is_empty() {
            let reason = first.and(second).err();
            return Err(reason.unwrap_or_else(|| "it has no address".to_owned()));
        }
        Ok(all.into_iter().copied().collect())
    }
}

async fn ask(
    asked: &mut Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
    named: &NamedPeer,
    family: AddrFamily,
) -> Result<Vec<SocketAddr>, String> {
    let NamedPeer { host, port, .. } = named.clone();
    let handle = asked
        .get_or_insert_with(|| tokio::task::spawn_blocking(move || look_up(&host, port, family)));
    let Ok(joined) = timeout(PATIENCE, handle).await else {
        return Err("nobody answers".to_owned());
    };
    *asked = None;
    let answer = joined.map_err(|error| error.to_string())?;
    answer.map_err(|error| error.to_string())
}

/// Asks the system, which knows its files, servers and search list.
fn look_up(host: &str, port: u16, family: AddrFamily) -> io::Result<Vec<SocketAddr>> {
    let hints = AddrInfoHints {
        socktype: SockType::DGram.into(),
        address: family.into(),
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(host), None, Some(hints))?;
    found
        .map(|one| one.map(|info| SocketAddr::new(info.sockaddr.ip(), port)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> NamedPeer {
        NamedPeer {
            host: host.to_owned(),
            port: 7000,
            peer: None,
        }
    }

    fn names(hosts: &[&str]) -> Names {
        let name = |host: &&str| Name {
            named: named(host),
            addresses: BTreeSet::new(),
            failing: None,
            again: Arc::new(Notify::new()),
        };
        Names {
            names: hosts.iter().map(name).collect(),
        }
    }

    fn found(name: usize, addresses: &[&str]) -> Found {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        Found {
            name,
            addresses: Ok(addresses.collect()),
        }
    }

    fn told(inputs: &[Input]) -> Vec<String> {
        let tell = |input: &Input| match input {
            Input::AddPeer(peer) => format!("+{}", peer.address),
            Input::ForgetPeer(address) => format!("-{address}"),
            Input::NameLookedUp { name, failure } => format!("{name} {}", failure.is_none()),
            other => panic!("{other:?}"),
        };
        inputs.iter().map(tell).collect()
    }

    #[test]
    fn an_address_that_moved_takes_the_place_of_the_old_one() {
        let mut names = names(&["n1", "n2"]);
        let first = names.take(found(0, &["192.0.2.1:7000"]));
        assert_eq!(told(&first), ["+192.0.2.1:7000"]);
        assert!(names.take(found(0, &["192.0.2.1:7000"])).is_empty());
        let moved = names.take(found(0, &["192.0.2.2:7000"]));
        assert_eq!(told(&moved), ["+192.0.2.2:7000", "-192.0.2.1:7000"]);
    }

    #[test]
    fn what_another_name_has_is_kept() {
        let mut names = names(&["n1", "n2"]);
        names.take(found(0, &["192.0.2.1:7000"]));
        names.take(found(1, &["192.0.2.1:7000"]));
        let moved = names.take(found(0, &["192.0.2.2:7000"]));
        assert_eq!(told(&moved), ["+192.0.2.2:7000"]);
    }

    #[test]
    fn a_failed_lookup_takes_nothing_away() {
        let mut names = names(&["n1"]);
        names.take(found(0, &["192.0.2.1:7000"]));
        let failed = Found {
            name: 0,
            addresses: Err("nobody answers".to_owned()),
        };
        assert_eq!(told(&names.take(failed)), ["n1:7000 false"]);
        let again = names.take(found(0, &["192.0.2.1:7000"]));
        assert_eq!(told(&again), ["n1:7000 true"]);
    }

    #[tokio::test]
    async fn the_system_is_asked_for_both_families() {
        let mut lookup = Lookup {
            named: named("localhost"),
            asked: [None, None],
        };
        let addresses = lookup.once().await.unwrap();
        assert!(
            addresses
                .iter()
                .all(|at| at.ip().is_loopback() && at.port() == 7000)
        );
        lookup.named = named("no-such-host.invalid");
        assert!(lookup.once().await.is_err());
    }
}
