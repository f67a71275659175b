//! Decides about incoming connections before any cryptography is spent on them.
//!
//! # Limits
//! Half-open connections in all and connections per address, loopback apart. An address counts
//! by itself for IPv4, by its /64 for IPv6.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::TransportLimits;

/// What to do with an incoming connection.
#[derive(Debug)]
pub(super) enum Judgement {
    /// Go on with the handshake and keep the pass as long as the connection lives.
    Admit(GatePass),
    /// Let it prove that its address is its own first, by a round trip.
    ProveAddress,
    /// Say nothing: an answer would serve who forges addresses.
    Ignore,
}

/// Counts incoming connections.
#[derive(Debug)]
pub(super) struct Gate {
    half_open_max: usize,
    prove_above: usize,
    per_address_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    half_open: usize,
    /// At most one entry for each connection, half-open or up.
    per_address: BTreeMap<IpAddr, usize>,
}

impl Gate {
    /// Makes a gate with nobody in.
    pub(super) fn new(limits: &TransportLimits) -> Arc<Self> {
        Arc::new(Self {
            half_open_max: limits.half_open_max,
            prove_above: limits.prove_address_above,
            per_address_max: limits.inbound_per_address_max,
            counts: Mutex::default(),
        })
    }

    /// Judges a connection from `ip`; `is_proven` says that the address is not forged.
    pub(super) fn judge(self: &Arc<Self>, ip: IpAddr, is_proven: bool) -> Judgement {
        let key = counted(ip);
        let mut counts = self.lock();
        let same_address = key
            .and_then(|key| counts.per_address.get(&key))
            .copied()
            .unwrap_or(0);
        // Half of an address's share is kept for proven ones, so that nobody is locked out by
        // packets forged in its name.
        let is_crowded = counts.half_open >= self.prove_above
            || (key.is_some() && 2 * same_address >= self.per_address_max);
        if counts.half_open >= self.half_open_max || same_address >= self.per_address_max {
            return Judgement::Ignore;
        }
        if is_crowded && !is_proven {
            return Judgement::ProveAddress;
        }
        counts.half_open += 1;
        if let Some(key) = key {
            *counts.per_address.entry(key).or_default() += 1;
        }
        Judgement::Admit(GatePass {
            gate: self.clone(),
            key,
            is_half_open: true,
        })
    }

    /// Returns how many handshakes are under way.
    pub(super) fn half_open(&self) -> usize {
        self.lock().half_open
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place of a connection in the counts, given back on drop.
#[derive(Debug)]
pub(super) struct GatePass {
    gate: Arc<Gate>,
    key: Option<IpAddr>,
    is_half_open: bool,
}

impl GatePass {
    /// Tells that the handshake is done.
    pub(super) fn established(&mut self) {
        if std::mem::take(&mut self.is_half_open) {
            self.gate.lock().half_open -= 1;
        }
    }
}

impl Drop for GatePass {
    fn drop(&mut self) {
        self.established();
        let Some(key) = self.key else { return };
        let mut counts = self.gate.lock();
        if let Some(count) = counts.per_address.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.per_address.remove(&key);
            }
        }
    }
}

/// What an address counts as; `None` if it is not counted.
fn counted(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V6(ip) => {
            let network = u128::from(ip) & !u128::from(u64::MAX);
            Some(IpAddr::V6(network.into()))
        }
        ip => Some(ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        Gate::new(&TransportLimits {
            half_open_max: 10,
            prove_address_above: 6,
            inbound_per_address_max: 4,
            ..TransportLimits::default()
        })
    }

    fn ip(last: u8) -> IpAddr {
        [198, 51, 100, last].into()
    }

    fn admit(gate: &Arc<Gate>, ip: IpAddr, is_proven: bool) -> GatePass {
        match gate.judge(ip, is_proven) {
            Judgement::Admit(pass) => pass,
            other => panic!("expected to be admitted: {other:?}"),
        }
    }

    #[test]
    fn limits_connections_of_one_address_and_forgets_them() {
        let gate = gate();
        let mut passes: Vec<_> = (0..4).map(|_| admit(&gate, ip(1), true)).collect();
        assert!(matches!(gate.judge(ip(1), true), Judgement::Ignore));
        admit(&gate, ip(2), true);
        for pass in &mut passes {
            pass.established();
        }
        assert!(
            matches!(gate.judge(ip(1), true), Judgement::Ignore),
            "established ones count"
        );
        drop(passes);
        admit(&gate, ip(1), true);
        assert!(gate.lock().per_address.is_empty());
        assert_eq!(gate.half_open(), 0);
    }

    #[test]
    fn forged_packets_cannot_use_up_an_address() {
        let gate = gate();
        let _forged: Vec<_> = (0..2).map(|_| admit(&gate, ip(1), false)).collect();
        assert!(matches!(gate.judge(ip(1), false), Judgement::ProveAddress));
        admit(&gate, ip(1), true);
    }

    #[test]
    fn asks_for_proof_when_many_are_half_open_and_ignores_when_too_many() {
        let gate = gate();
        let mut passes: Vec<_> = (0..6).map(|last| admit(&gate, ip(last), false)).collect();
        assert!(matches!(gate.judge(ip(99), false), Judgement::ProveAddress));
        passes.extend((6..10).map(|last| admit(&gate, ip(last), true)));
        assert!(matches!(gate.judge(ip(99), true), Judgement::Ignore));
        passes[0].established();
        admit(&gate, ip(99), true);
    }

    #[test]
    fn loopback_is_not_counted_and_ipv6_counts_by_network() {
        let gate = gate();
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let _passes: Vec<_> = (0..6).map(|_| admit(&gate, loopback, false)).collect();
        let one: IpAddr = "2001:db8:0:1::1".parse().expect("an address");
        let other: IpAddr = "2001:db8:0:1:ffff::2".parse().expect("an address");
        assert_eq!(counted(one), counted(other));
        assert_eq!(
            counted("::ffff:127.0.0.1".parse().expect("an address")),
            None
        );
    }
}
