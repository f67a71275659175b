//! The accounts that pay each other in a ring, and how far each has come.
//!
//! # Invariants
//! An account has at most [`IN_FLIGHT_MAX`] transfers that are not final, so that its nonces stay
//! within the gap that nodes hold back, and sends no more than it was funded for: a node takes in
//! what the sender can pay by itself, and lets go of what is no longer covered when its turn
//! comes.

use std::collections::VecDeque;

use starling_ledger::address::AccountId;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::transaction::{Amount, Nonce};

use crate::draft::{Draft, Signed};
use crate::key_store::account_of;

/// Most transfers of one account under way: half of the 64 that a mempool holds back.
const IN_FLIGHT_MAX: usize = 32;
/// What each transfer moves, base units.
pub(crate) const AMOUNT: Amount = 1;

/// One account.
#[derive(Debug)]
pub(crate) struct Sender {
    key: SecretKey,
    /// Its account.
    pub(crate) account: AccountId,
    /// The nonce of its next transfer.
    pub(crate) nonce: Nonce,
    in_flight: usize,
    left: u64,
    is_stuck: bool,
}

/// All accounts, taking turns.
#[derive(Debug)]
pub(crate) struct Senders {
    senders: Vec<Sender>,
    turns: VecDeque<usize>,
    genesis: Hash,
    fee: Amount,
    lifetime_ms: u64,
}

impl Senders {
    /// Derives `count` accounts with public keys that share `transfers`, for the local network of
    /// `genesis`.
    pub(crate) fn new(
        (count, transfers): (u16, u64),
        genesis: Hash,
        fee: Amount,
        lifetime_ms: u64,
    ) -> Self {
        let share = Self::share(count, transfers);
        let senders = (0..count).map(|number| {
            let key = SecretKey::local(&format!("load {number}"));
            Sender {
                account: account_of(key.public_key()),
                key,
                nonce: 0,
                in_flight: 0,
                left: share,
                is_stuck: false,
            }
        });
        Self {
            senders: senders.collect(),
            turns: (0..usize::from(count)).collect(),
            genesis,
            fee,
            lifetime_ms,
        }
    }

    /// Returns how many transfers each account is funded for: quick ones take turns of slow ones,
    /// so twice an equal share.
    pub(crate) fn share(count: u16, transfers: u64) -> u64 {
        transfers.div_ceil(u64::from(count.max(1))) * 2
    }

    /// Returns the accounts.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Sender> {
        self.senders.iter_mut()
    }

    /// Signs the next transfer of the next account that may have one; `None` if none may now.
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<(usize, Signed)> {
        let ready = |sender: &Sender| {
            sender.in_flight < IN_FLIGHT_MAX && sender.left > 0 && !sender.is_stuck
        };
        let turn = self
            .turns
            .iter()
            .position(|index| self.senders.get(*index).is_some_and(ready))?;
        let index = self.turns.remove(turn)?;
        self.turns.push_back(index);
        let receiver = self.senders.get((index + 1) % self.senders.len())?.account;
        let sender = self.senders.get_mut(index)?;
        let payment = Draft {
            nonce: sender.nonce,
            fee: self.fee,
            expires_at_ms: now_ms + self.lifetime_ms,
            ..Draft::payment(sender.key.public_key(), receiver, AMOUNT)
        };
        sender.nonce += 1;
        sender.left -= 1;
        sender.in_flight += 1;
        Some((index, payment.sign_alone(&self.genesis, &sender.key)))
    }

    /// Notes that a transfer of this account is final.
    pub(crate) fn finished(&mut self, index: usize) {
        if let Some(sender) = self.senders.get_mut(index) {
            sender.in_flight = sender.in_flight.saturating_sub(1);
        }
    }

    /// Notes that a transfer was refused: the nonces after it have a gap, so the account rests.
    pub(crate) fn refused(&mut self, index: usize) {
        self.finished(index);
        if let Some(sender) = self.senders.get_mut(index) {
            sender.is_stuck = true;
        }
    }

    /// Returns an account that rests, so that its nonce can be asked for.
    pub(crate) fn stuck(&mut self) -> Option<&mut Sender> {
        self.senders.iter_mut().find(|sender| sender.is_stuck)
    }
}

impl Sender {
    /// Goes on with the nonce that a node told.
    pub(crate) fn go_on(&mut self, nonce: Nonce) {
        self.nonce = nonce;
        self.is_stuck = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(count: u16) -> Senders {
        Senders::new((count, 1_000), Hash([1; 32]), 1_000, 60_000)
    }

    #[test]
    fn accounts_take_turns_with_rising_nonces() {
        let mut senders = senders(2);
        let turns: Vec<_> = (0..4).filter_map(|_| senders.next(0)).collect();
        let order: Vec<_> = turns.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, [0, 1, 0, 1]);
        let nonces: Vec<_> = turns
            .iter()
            .map(|(_, signed)| signed.raw.decode().unwrap().body.nonce)
            .collect();
        assert_eq!(nonces, [0, 0, 1, 1]);
    }

    #[test]
    fn waits_at_the_bound_and_after_a_refusal() {
        let mut senders = senders(1);
        let sent = std::iter::from_fn(|| senders.next(0)).count();
        assert_eq!(sent, IN_FLIGHT_MAX);
        senders.finished(0);
        assert!(senders.next(0).is_some());
        senders.refused(0);
        assert!(senders.next(0).is_none());
        senders.stuck().unwrap().go_on(5);
        let (_, signed) = senders.next(0).unwrap();
        assert_eq!(signed.raw.decode().unwrap().body.nonce, 5);
    }

    #[test]
    fn sends_no_more_than_it_was_funded_for() {
        let mut senders = Senders::new((2, 10), Hash([1; 32]), 1_000, 60_000);
        let mut sent = 0;
        while let Some((index, _)) = senders.next(0) {
            senders.finished(index);
            sent += 1;
        }
        assert_eq!(sent, 2 * Senders::share(2, 10));
    }
}
