//! What a block would say of a transaction: the entries it makes, and what is refused for sure.
//!
//! A mempool knows the sender's account only. What else makes an action fail is found by the
//! proposer, who leaves the transaction out; the sender would learn of it by its expiry. So it is
//! looked up here, with proofs, before anything is signed.

use std::collections::BTreeSet;

use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::staking::RELEASES_MAX;
use starling_ledger::transaction::{Action, Amount};

use crate::command::account::known;
use crate::desk::{Desk, consensus_key, record, rules};
use crate::draft::Draft;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;

impl Desk<'_> {
    /// Counts the entries that a transaction makes in the state; `seen` are those of the
    /// transactions before it.
    ///
    /// # Errors
    /// [`Exit::Rejected`] with the ledger's word for what no block would take.
    pub(crate) fn new_entries(&self, draft: &Draft, seen: &mut BTreeSet<Vec<u8>>) -> Outcome<u64> {
        let mut count = 0;
        for action in &draft.actions {
            count += match action {
                Action::Transfer { to, .. } if seen.insert(to.0.to_vec()) => {
                    let (told, _) = known(&self.node, &self.network, to)?;
                    u64::from(!told.exists)
                }
                Action::Record { digest, .. } => {
                    self.check_new(draft, digest)?;
                    1
                }
                Action::Bond {
                    consensus_key,
                    amount,
                    ..
                } => self.check_bond(draft, consensus_key, *amount)?,
                Action::Unbond { amount } => self.check_unbond(draft, *amount)?,
                Action::Unjail => self.check_unjail(draft)?,
                _ => 0,
            };
        }
        Ok(count)
    }

    /// Checks that the sender has no record of `digest`.
    fn check_new(&self, draft: &Draft, digest: &Hash) -> Outcome {
        let found = record(&self.node, &self.network, (&draft.sender, digest))?;
        let Some(height) = found.recorded_height.filter(|_| found.exists) else {
            return Ok(());
        };
        let message = format!(
            "{} has a record of {digest} already, made in block {height}; a record is never \
             overwritten",
            self.names.show(draft.sender)
        );
        let sender = self.names.show_or_address(draft.sender);
        let show = format!("starling record show {sender} {digest}");
        Err(rejected("record_exists", &message).next(show))
    }

    fn check_bond(&self, draft: &Draft, key: &PublicKey, amount: Amount) -> Outcome<u64> {
        let stake = self.stake(&draft.sender)?;
        let known = consensus_key(&self.node, &self.network, key)?;
        let sender = draft.sender.to_address(self.network.kind);
        match &known.account {
            Some(owner) if *owner != sender => {
                let owner = self.names.show_address(owner);
                let message =
                    format!("the consensus key is {owner}'s, and a key never changes hands");
                let next = "starling key new NAME-votes makes another";
                return Err(rejected("key_taken", &message).next(next));
            }
            _ if known.excluded => {
                let message = "the consensus key signed two values once, and is excluded for good";
                return Err(rejected("key_excluded", message));
            }
            _ => {}
        }
        if amount == 0 && stake.consensus_key == Some(key.to_string()) {
            let message = "nothing would change: no amount, and the key that votes already";
            return Err(rejected("zero_amount", message));
        }
        self.check_bond_min(u128::from(stake.bonded_base) + u128::from(amount))?;
        Ok(u64::from(!stake.exists) + u64::from(!known.exists))
    }

    fn check_unbond(&self, draft: &Draft, amount: Amount) -> Outcome<u64> {
        let stake = self.stake(&draft.sender)?;
        if !stake.exists {
            return Err(no_stake());
        }
        let unit = &self.network.unit;
        let Some(rest) = stake.bonded_base.checked_sub(amount) else {
            let message = format!("{} is bonded", unit.full(stake.bonded_base));
            return Err(rejected("stake", &message));
        };
        if rest > 0 {
            self.check_bond_min(u128::from(rest))?;
        }
        let rules = rules(&self.node, &self.network)?;
        let epoch = rules.epoch(stake.at.height.saturating_add(1));
        let starts_one = stake.releases.last().map(|last| last.epoch) != Some(epoch);
        if starts_one && stake.releases.len() >= RELEASES_MAX {
            let message = format!("{RELEASES_MAX} releases are under way already");
            return Err(rejected("releases_full", &message).next("wait until one is paid"));
        }
        Ok(0)
    }

    fn check_unjail(&self, draft: &Draft) -> Outcome<u64> {
        let stake = self.stake(&draft.sender)?;
        if !stake.exists {
            return Err(no_stake());
        }
        if stake.status.as_deref() == Some("active") {
            let message = "the validator does not sit out";
            return Err(rejected("not_sitting_out", message).next("starling stake list"));
        }
        self.check_bond_min(u128::from(stake.bonded_base))?;
        Ok(0)
    }

    fn check_bond_min(&self, bonded: u128) -> Outcome {
        let least = rules(&self.node, &self.network)?.bond_min;
        if bonded >= u128::from(least) {
            return Ok(());
        }
        let least = self.network.unit.full(least);
        let message = format!("what is bonded is nothing or at least {least}");
        Err(rejected("bond_min", &message))
    }
}

fn no_stake() -> CliError {
    rejected("no_stake", "the account has no stake").next("starling stake bond --help")
}

fn rejected(code: &str, message: &str) -> CliError {
    CliError::new(Exit::Rejected, format!("rejected: {message}")).code(code)
}
