//! What the transactions that wait of one sender will have done, one after the other.
//!
//! Whether a transaction applies behind those that its sender has waiting is found out by running
//! it, by the rules of blocks, over what it reads of the tip ([`ReadSet`]) and what those before it
//! change. So there is no second set of rules for a mempool to keep.
//!
//! # What is kept of each
//! The sender's account after it, which entries it makes, and what it changes of stakes. Balances
//! of others are not kept: nobody can spend them but their owners, so they decide nothing here.
//!
//! # Invariants
//! The nonces of the steps follow each other, the first being that of the sender's account.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::entry::Tables;
use super::journal::{Changes, Journal};
use super::run::{Place, Run, Stop};
use super::source::Source;
use super::table::Table;
use super::{ApplyError, BlockError, ReadSet, Tip};
use crate::account::Account;
use crate::address::AccountId;
use crate::genesis::Parameters;
use crate::hash::Hash;
use crate::record::Record;
use crate::staking::Candidates;
use crate::state_key::StateKey;
use crate::transaction::{Nonce, VerifiedTransaction};
use crate::vote::Height;

/// The block after a tip, as early as it can be.
#[derive(Clone, Copy, Debug)]
pub struct NextBlock {
    parameters: Parameters,
    height: Height,
    time_ms: u64,
}

/// The transactions of one sender that wait, by what they will have done.
#[derive(Clone, Debug)]
pub struct PendingChain {
    sender: AccountId,
    account: Option<Account>,
    /// Ascending by nonce.
    steps: VecDeque<(Nonce, Step)>,
    /// The entries that come into being, with the nonce that makes them.
    made: BTreeMap<Made, Nonce>,
    /// The nonces of those that act on a stake.
    staked: BTreeSet<Nonce>,
}

/// What one transaction will have done.
#[derive(Clone, Debug)]
pub struct Step {
    after: Account,
    made: Vec<Made>,
    staked: Option<Box<Staked>>,
}

/// An entry that comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Account(AccountId),
    /// A record of the sender.
    Record(Hash),
}

/// What a transaction changes of stakes.
#[derive(Clone, Debug)]
struct Staked {
    entries: Changes,
    candidates: Option<(Candidates, usize)>,
}

impl NextBlock {
    /// Names the block after `tip`.
    pub fn after(tip: &Tip) -> Self {
        Self {
            parameters: tip.genesis.parameters,
            height: tip.height.saturating_add(1),
            time_ms: tip.time_ms.saturating_add(1),
        }
    }

    /// Returns the rules of the network.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl PendingChain {
    /// Starts without any that waits; `account` is the sender's at the tip.
    pub const fn new(sender: AccountId, account: Option<Account>) -> Self {
        Self {
            sender,
            account,
            steps: VecDeque::new(),
            made: BTreeMap::new(),
            staked: BTreeSet::new(),
        }
    }

    /// Returns the sender's account at the tip.
    pub const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Returns the sender's account after the last that waits.
    pub fn last(&self) -> Option<Account> {
        self.before(Nonce::MAX)
    }

    /// Returns how many of those that wait act on a stake: others can make these fail.
    pub fn staked(&self) -> usize {
        self.staked.len()
    }

    /// Runs a transaction behind those with lower nonces, on what `reads` says of the tip.
    ///
    /// The inner error is why it does not apply there.
    ///
    /// # Errors
    /// `reads` does not hold what it has to.
    pub fn run(
        &self,
        transaction: &VerifiedTransaction,
        reads: &ReadSet,
        next: &NextBlock,
    ) -> Result<Result<Step, ApplyError>, BlockError> {
        let nonce = transaction.body().nonce;
        let place = At {
            chain: self,
            nonce,
            reads,
        };
        let mut journal = Journal::over(&place, place.accounts());
        journal.mark();
        let mut run = Run {
            place: Place {
                parameters: &next.parameters,
                height: next.height,
                time_ms: next.time_ms,
            },
            journal: &mut journal,
        };
        match run.transaction(transaction) {
            Ok(_) => place.step(journal).map(Ok),
            Err(Stop::Refused(error)) => Ok(Err(error)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Puts a transaction that was run in its place. What came behind that place goes.
    pub fn put(&mut self, nonce: Nonce, step: Step) {
        self.truncate(nonce);
        for made in &step.made {
            self.made.insert(*made, nonce);
        }
        if step.staked.is_some() {
            self.staked.insert(nonce);
        }
        if self.steps.is_empty() {
            // Most senders have one that waits.
            self.steps.reserve_exact(1);
        }
        self.steps.push_back((nonce, step));
    }

    /// Forgets the transactions from `nonce` on.
    pub fn truncate(&mut self, nonce: Nonce) {
        for (nonce, step) in self.steps.split_off(self.count_before(nonce)) {
            self.forget(nonce, &step);
        }
    }

    /// Takes over the sender's account after a block. Says whether the block did with it what those
    /// that waited do; otherwise nothing of what is kept can be relied on.
    pub fn advance(&mut self, account: &Account) -> bool {
        let expected = self.before(account.nonce);
        self.account = Some(*account);
        let left = self.steps.split_off(self.count_before(account.nonce));
        for (nonce, step) in std::mem::replace(&mut self.steps, left) {
            self.forget(nonce, &step);
        }
        let Some(expected) = expected.filter(|expected| {
            expected.nonce == account.nonce
                && expected.history == account.history
                && expected.authority == account.authority
        }) else {
            return false;
        };
        // Others may have paid it meanwhile; nobody else can take anything from it.
        let Some(received) = account.balance.checked_sub(expected.balance) else {
            return false;
        };
        for (_, step) in &mut self.steps {
            step.after.balance = step.after.balance.saturating_add(received);
        }
        true
    }

    fn forget(&mut self, nonce: Nonce, step: &Step) {
        for made in &step.made {
            self.made.remove(made);
        }
        self.staked.remove(&nonce);
    }

    /// The sender's account before `nonce`, as far as transactions wait before it.
    fn before(&self, nonce: Nonce) -> Option<Account> {
        let last = self.count_before(nonce).checked_sub(1);
        let step = last.and_then(|last| self.steps.get(last));
        step.map(|(_, step)| step.after).or(self.account)
    }

    /// How many wait before `nonce`.
    fn count_before(&self, nonce: Nonce) -> usize {
        self.steps.partition_point(|(known, _)| *known < nonce)
    }

    fn makes_before(&self, made: &Made, nonce: Nonce) -> bool {
        self.made.get(made).is_some_and(|made| *made < nonce)
    }

    /// What acts on a stake before `nonce`, the latest first.
    fn staked_before(&self, nonce: Nonce) -> impl Iterator<Item = &Staked> {
        let nonces = self.staked.range(..nonce).rev();
        let steps = nonces.filter_map(|nonce| self.steps.get(self.count_before(*nonce)));
        steps.filter_map(|(_, step)| step.staked.as_deref())
    }
}

impl Step {
    /// Returns the sender's account after it.
    pub const fn after(&self) -> &Account {
        &self.after
    }
}

/// A place in the chain, with what is read of the tip there.
struct At<'a> {
    chain: &'a PendingChain,
    nonce: Nonce,
    reads: &'a ReadSet,
}

impl At<'_> {
    /// The accounts that the transaction names, as they are here.
    fn accounts(&self) -> impl Iterator<Item = (AccountId, Option<Account>)> {
        self.reads.accounts().map(|(id, read)| {
            let account = match read {
                _ if id == self.chain.sender => self.chain.before(self.nonce),
                None => self.made(Made::Account(id)).then(|| Account::new(&id, 0)),
                read => read,
            };
            (id, account)
        })
    }

    fn made(&self, made: Made) -> bool {
        self.chain.makes_before(&made, self.nonce)
    }

    /// Keeps of a transaction that was run what the next ones need.
    fn step(&self, journal: Journal<'_>) -> Result<Step, BlockError> {
        let (mut tables, candidates) = journal.into_parts();
        let (mut after, mut made) = (None, Vec::new());
        for (id, account) in tables.accounts.changed() {
            if *id == self.chain.sender {
                after = account.copied();
            } else if self.reads.account(id).is_none() && !self.made(Made::Account(*id)) {
                made.push(Made::Account(*id));
            }
        }
        let records = tables.records.changed();
        made.extend(records.map(|((_, digest), _)| Made::Record(*digest)));
        let entry = "account of a sender";
        Ok(Step {
            after: after.ok_or(BlockError::Missing { entry })?,
            made,
            staked: {
                (tables.accounts, tables.records) = (Table::new(), Table::new());
                staked(&tables, candidates.into_changed())
            },
        })
    }
}

fn staked(tables: &Tables, candidates: Option<(Candidates, usize)>) -> Option<Box<Staked>> {
    let mut entries = Changes::new();
    tables.visit_changed(|key, value| {
        entries.insert(key, value);
    });
    let changes = !entries.is_empty() || candidates.is_some();
    changes.then(|| {
        Box::new(Staked {
            entries,
            candidates,
        })
    })
}

impl Source for At<'_> {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
        let mut staked = self.chain.staked_before(self.nonce);
        if let Some(changed) = staked.find_map(|staked| staked.entries.get(key)) {
            return Ok(changed.clone());
        }
        let read = self.reads.read(key)?;
        match StateKey::record_digest(key) {
            Some(digest) if read.is_none() && self.made(Made::Record(digest)) => {
                // Of a record, nothing but its being there decides anything.
                let record = Record {
                    height: 0,
                    time_ms: 0,
                    note: String::new(),
                };
                Ok(Some(record.to_bytes()))
            }
            _ => Ok(read),
        }
    }

    fn read_candidates(&self) -> Result<(Candidates, usize), BlockError> {
        let mut staked = self.chain.staked_before(self.nonce);
        match staked.find_map(|staked| staked.candidates.clone()) {
            Some(changed) => Ok(changed),
            None => self.reads.read_candidates(),
        }
    }
}
