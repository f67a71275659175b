//! Where peers can be dialed, how that went, and when to try again.
//!
//! # Invariants
//! At most [`MAX_ADDRESSES`] entries; a configured one is never evicted. Each dial ends in a link
//! or in one reason, which the entry keeps until a link is up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::failure::Failure;
use crate::input::ConfiguredPeer;
use crate::peer_id::PeerId;
use crate::random::Random;
use crate::time::Instant;

/// Most addresses. Our choice: far more than a node dials, about 300 KiB.
pub const MAX_ADDRESSES: usize = 1_024;
/// Most addresses that one peer may have taught and that were never reached.
pub const MAX_TAUGHT_BY_ONE: usize = 128;
/// Most addresses of one peer.
pub const MAX_ADDRESSES_OF_ONE: usize = 8;
/// Failed dials after which an address that never worked is forgotten.
const MAX_FAILURES_UNTRIED: u32 = 6;
/// The first wait after a failed dial; it doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait for a configured peer: a restarted network meshes again within 5 s.
const CONFIGURED_BACKOFF_MAX: Duration = Duration::from_secs(4);
/// The longest wait for an address that once worked.
const TRIED_BACKOFF_MAX: Duration = Duration::from_secs(15);
/// The longest wait for an address that never worked.
const UNTRIED_BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A link that ended sooner counts as a failed dial, so that a peer that comes and goes is not
/// dialed several times a second.
const SHORT_LIFE: Duration = Duration::from_secs(10);
/// A dial of which nothing was heard for this long has failed; the transport's own limit is
/// shorter.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// How an address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressSource {
    /// A person named it.
    Configured,
    /// Kept from an earlier run.
    Remembered,
    /// The peer that listens there said so.
    Itself,
    /// Another peer said so.
    Taught(PeerId),
}

/// What is being done about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Dialing { since: Instant },
    Linked,
}

#[derive(Clone, Debug)]
struct Entry {
    peer: Option<PeerId>,
    /// A person fixed the peer, so another one there is refused.
    pinned: bool,
    source: AddressSource,
    stage: Stage,
    tried: bool,
    failures: u32,
    next_dial: Instant,
    failure: Option<(Instant, Failure)>,
}

/// What `peers --failed` shows of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressStatus {
    /// The address.
    pub address: SocketAddr,
    /// Who is believed to live there.
    pub peer: Option<PeerId>,
    /// How it became known.
    pub source: AddressSource,
    /// Dials that failed since the last link.
    pub failures: u32,
    /// When the last dial failed, and why.
    pub failure: Option<(Instant, Failure)>,
}

/// The addresses a node knows.
#[derive(Clone, Debug)]
pub struct AddressBook {
    me: PeerId,
    entries: BTreeMap<SocketAddr, Entry>,
}

impl AddressBook {
    /// Makes an empty book of the node `me`.
    pub const fn new(me: PeerId) -> Self {
        Self {
            me,
            entries: BTreeMap::new(),
        }
    }

    /// Adds a peer that a person named.
    pub fn configure(&mut self, configured: ConfiguredPeer, now: Instant) {
        let ConfiguredPeer { address, peer } = configured;
        self.make_room();
        let entry = self
            .entries
            .entry(address)
            .or_insert_with(|| Entry::new(peer, now));
        entry.source = AddressSource::Configured;
        entry.pinned = peer.is_some();
        entry.peer = peer.or(entry.peer);
        entry.next_dial = now;
    }

    /// Takes an address for one like others that a person named before: it may be forgotten.
    pub fn release(&mut self, address: SocketAddr) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.source = AddressSource::Itself;
            entry.pinned = false;
        }
    }

    /// Learns an address of `peer`, to be dialed from `at`, and says whether it is new; what cannot
    /// be dialed, and what is too much, is left out.
    pub fn learn(
        &mut self,
        address: SocketAddr,
        peer: PeerId,
        source: AddressSource,
        at: Instant,
    ) -> bool {
        if peer == self.me || !is_dialable(address) {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&address) {
            // Only the peer itself may change what is known; a rumour may not.
            if source == AddressSource::Itself && !entry.pinned {
                entry.peer = Some(peer);
                entry.source = entry.source.min(source);
            }
            return false;
        }
        let of_peer = self
            .entries
            .values()
            .filter(|entry| entry.peer == Some(peer))
            .count();
        let taught = self
            .entries
            .values()
            .filter(|entry| !entry.tried && entry.source == source);
        let is_rumour = matches!(source, AddressSource::Taught(_));
        let too_many = is_rumour && taught.count() >= MAX_TAUGHT_BY_ONE;
        if of_peer >= MAX_ADDRESSES_OF_ONE || too_many {
            return false;
        }
        self.make_room();
        if self.entries.len() < MAX_ADDRESSES {
            let entry = Entry {
                source,
                ..Entry::new(Some(peer), at)
            };
            self.entries.insert(address, entry);
            return true;
        }
        false
    }

    /// Evicts the address that failed most and never worked, if the book is full.
    fn make_room(&mut self) {
        if self.entries.len() < MAX_ADDRESSES {
            return;
        }
        let evictable = self.entries.iter().filter(|(_, entry)| {
            entry.stage == Stage::Idle && entry.source != AddressSource::Configured
        });
        let worst = evictable.max_by_key(|(_, entry)| (!entry.tried, entry.failures));
        if let Some(address) = worst.map(|(address, _)| *address) {
            self.entries.remove(&address);
        }
    }

    /// Returns addresses whose time to be dialed has come, the most wanted first.
    pub fn due(&self, now: Instant, random: &mut Random) -> Vec<(SocketAddr, Option<PeerId>)> {
        let mut due: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.stage == Stage::Idle && entry.next_dial <= now)
            .map(|(address, entry)| (entry.rank(), *address, entry.peer))
            .collect();
        random.shuffle(&mut due);
        due.sort_by_key(|(rank, _, _)| *rank);
        due.into_iter()
            .map(|(_, address, peer)| (address, peer))
            .collect()
    }

    /// Returns who has to answer at an address: nobody in particular where a person named only the
    /// address, since the node there may get a new key.
    pub fn expected(&self, address: SocketAddr) -> Option<PeerId> {
        let entry = self.entries.get(&address)?;
        let is_open = entry.source == AddressSource::Configured && !entry.pinned;
        if is_open { None } else { entry.peer }
    }

    /// Returns when the next idle address is due after `now`, or a dial has to be given up.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let times = self.entries.values().filter_map(|entry| match entry.stage {
            Stage::Idle => Some(entry.next_dial).filter(|at| *at > now),
            Stage::Dialing { since } => Some(since + DIAL_TIMEOUT),
            Stage::Linked => None,
        });
        times.min()
    }

    /// Returns the addresses being dialed, with the peer believed to be there.
    pub fn dialing(&self) -> impl Iterator<Item = (SocketAddr, Option<PeerId>)> {
        self.entries
            .iter()
            .filter_map(|(address, entry)| match entry.stage {
                Stage::Dialing { .. } => Some((*address, entry.peer)),
                _ => None,
            })
    }

    /// Returns how many peers a person named.
    pub fn configured_count(&self) -> usize {
        let configured = AddressSource::Configured;
        self.entries
            .values()
            .filter(|entry| entry.source == configured)
            .count()
    }

    /// Notes that a dial begins.
    pub fn dial(&mut self, address: SocketAddr, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.stage = Stage::Dialing { since: now };
        }
    }

    /// Notes that a dial became a link to `peer`; whether it is of use, the hello tells.
    pub fn linked(&mut self, address: SocketAddr, peer: PeerId) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.stage = Stage::Linked;
            if !entry.pinned {
                entry.peer = Some(peer);
            }
        }
    }

    /// Notes that the link to an address is up.
    pub fn succeeded(&mut self, address: SocketAddr) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.tried = true;
            entry.failure = None;
        }
    }

    /// Notes that a link is gone that was up for `lived`, or not needed; it is dialed again soon.
    pub fn lost(
        &mut self,
        address: SocketAddr,
        lived: Duration,
        now: Instant,
        chance: &mut Random,
    ) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.stage = Stage::Idle;
            entry.failures = if lived < SHORT_LIFE {
                entry.failures.saturating_add(1)
            } else {
                0
            };
            entry.next_dial = now + chance.jitter(entry.backoff());
        }
    }

    /// Notes why a dial led to nothing.
    pub fn failed(
        &mut self,
        address: SocketAddr,
        reason: Failure,
        now: Instant,
        chance: &mut Random,
    ) {
        let Some(entry) = self.entries.get_mut(&address) else {
            return;
        };
        entry.stage = Stage::Idle;
        entry.failures = entry.failures.saturating_add(1);
        entry.failure = Some((now, reason));
        entry.next_dial = now + chance.jitter(entry.backoff());
        let is_hopeless = !entry.tried && entry.failures >= MAX_FAILURES_UNTRIED;
        if is_hopeless
            && matches!(
                entry.source,
                AddressSource::Taught(_) | AddressSource::Itself
            )
        {
            self.entries.remove(&address);
        }
    }

    /// Gives up dials of which nothing was heard, and returns how many.
    pub fn expire_dials(&mut self, now: Instant, random: &mut Random) -> usize {
        let is_over = |entry: &Entry| match entry.stage {
            Stage::Dialing { since } => since + DIAL_TIMEOUT <= now,
            _ => false,
        };
        let over: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_over(entry))
            .map(|(at, _)| *at)
            .collect();
        for address in &over {
            self.failed(*address, Failure::Unheard, now, random);
        }
        over.len()
    }

    /// Forgets an address that is this node's own.
    pub fn forget(&mut self, address: SocketAddr) {
        self.entries.remove(&address);
    }

    /// Returns addresses with their peers, those that worked first.
    pub fn known(&self) -> Vec<ConfiguredPeer> {
        let mut known: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.peer.is_some())
            .collect();
        known.sort_by_key(|(address, entry)| (!entry.tried, entry.failures, **address));
        let of = |(address, entry): (&SocketAddr, &Entry)| ConfiguredPeer {
            address: *address,
            peer: entry.peer,
        };
        known.into_iter().map(of).collect()
    }

    /// Returns the addresses of `peer` that worked, or that it named itself.
    pub fn of_peer(&self, peer: PeerId) -> Vec<SocketAddr> {
        let is_good = |entry: &Entry| entry.tried || entry.source == AddressSource::Itself;
        self.entries
            .iter()
            .filter(|(_, entry)| entry.peer == Some(peer) && is_good(entry))
            .map(|(address, _)| *address)
            .collect()
    }

    /// Lists what is known, for people.
    pub fn status(&self) -> Vec<AddressStatus> {
        let of = |(address, entry): (&SocketAddr, &Entry)| AddressStatus {
            address: *address,
            peer: entry.peer,
            source: entry.source,
            failures: entry.failures,
            failure: entry.failure.clone(),
        };
        self.entries.iter().map(of).collect()
    }
}

impl Entry {
    const fn new(peer: Option<PeerId>, next_dial: Instant) -> Self {
        Self {
            peer,
            pinned: false,
            source: AddressSource::Remembered,
            stage: Stage::Idle,
            tried: false,
            failures: 0,
            next_dial,
            failure: None,
        }
    }

    /// Configured addresses first, then those that failed least.
    const fn rank(&self) -> (bool, u32, bool) {
        (
            !matches!(self.source, AddressSource::Configured),
            self.failures,
            !self.tried,
        )
    }

    /// How long to wait after so many failures in a row.
    fn backoff(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = match self.source {
            AddressSource::Configured => CONFIGURED_BACKOFF_MAX,
            _ if self.tried => TRIED_BACKOFF_MAX,
            _ => UNTRIED_BACKOFF_MAX,
        };
        FIRST_BACKOFF.saturating_mul(1 << doublings).min(longest)
    }
}

/// Says whether an address names one host and a port.
pub fn is_dialable(address: SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 1_000 + number))
    }

    fn down() -> Failure {
        Failure::Ended("down".to_owned())
    }

    fn peer(number: u8) -> PeerId {
        PeerId([number; 32])
    }

    #[test]
    fn backs_off_up_to_a_limit_and_keeps_the_reason() {
        let mut book = AddressBook::new(peer(0));
        let mut random = Seed::of(1).random(Purpose::Dials);
        book.configure(
            ConfiguredPeer {
                address: address(1),
                peer: None,
            },
            Instant::START,
        );
        let mut waits = Vec::new();
        for _ in 0..8 {
            book.dial(address(1), Instant::START);
            book.failed(address(1), down(), Instant::START, &mut random);
            waits.push(book.next_due(Instant::START).unwrap().since(Instant::START));
        }
        assert!(waits[0] < Duration::from_millis(320) && waits[3] > waits[0]);
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(5)));
        assert_eq!(book.status()[0].failure.as_ref().unwrap().1, down());
        assert_eq!(book.status()[0].failures, 8);
    }

    #[test]
    fn a_peer_that_comes_and_goes_is_dialed_ever_less_often() {
        let mut book = AddressBook::new(peer(0));
        let mut random = Seed::of(1).random(Purpose::Dials);
        book.configure(
            ConfiguredPeer {
                address: address(1),
                peer: None,
            },
            Instant::START,
        );
        let mut wait_after = |lived| {
            book.dial(address(1), Instant::START);
            book.linked(address(1), peer(1));
            book.succeeded(address(1));
            book.lost(address(1), lived, Instant::START, &mut random);
            book.next_due(Instant::START).unwrap().since(Instant::START)
        };
        let short = [(); 5].map(|()| wait_after(Duration::from_secs(1)));
        assert!(short[4] >= Duration::from_secs(3), "{short:?}");
        assert!(wait_after(Duration::from_secs(60)) < Duration::from_millis(320));
    }

    #[test]
    fn one_peer_cannot_fill_the_book() {
        let mut book = AddressBook::new(peer(0));
        for number in 0..1_000 {
            let taught = PeerId([u8::try_from(number % 200 + 2).unwrap(); 32]);
            let source = AddressSource::Taught(peer(1));
            book.learn(address(number), taught, source, Instant::START);
        }
        assert_eq!(book.status().len(), MAX_TAUGHT_BY_ONE);
    }

    #[test]
    fn rumours_do_not_change_what_is_known() {
        let mut book = AddressBook::new(peer(0));
        book.learn(address(1), peer(1), AddressSource::Itself, Instant::START);
        book.learn(
            address(1),
            peer(2),
            AddressSource::Taught(peer(3)),
            Instant::START,
        );
        assert_eq!(book.expected(address(1)), Some(peer(1)));
    }

    #[test]
    fn forgets_what_never_worked() {
        let mut book = AddressBook::new(peer(0));
        book.learn(
            address(1),
            peer(1),
            AddressSource::Taught(peer(2)),
            Instant::START,
        );
        for _ in 0..MAX_FAILURES_UNTRIED {
            book.failed(
                address(1),
                down(),
                Instant::START,
                &mut Seed::of(1).random(Purpose::Dials),
            );
        }
        assert!(book.status().is_empty());
    }

    #[test]
    fn leaves_out_what_cannot_be_dialed() {
        let mut book = AddressBook::new(peer(0));
        for text in ["0.0.0.0:1", "10.0.0.1:0", "224.0.0.1:5", "[::]:9"] {
            book.learn(
                text.parse().unwrap(),
                peer(1),
                AddressSource::Itself,
                Instant::START,
            );
        }
        book.learn(address(1), peer(0), AddressSource::Itself, Instant::START);
        assert!(book.status().is_empty());
    }
}
