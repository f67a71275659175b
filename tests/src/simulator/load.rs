//! Clients: they submit transfers to random nodes, send again what does not become final, and now
//! and then what no node may take.

use std::collections::VecDeque;
use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::{Genesis, GenesisAccount};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signature, Signer};
use starling_ledger::transaction::{Action, Amount, Body, Nonce, RawTransaction, Transaction};

use super::chance::Chance;
use super::keys::Signatures;

/// How many clients there are.
const CLIENTS: usize = 8;
/// Most transactions of a client that are not final.
const WAITING_MAX: usize = 8;
/// What a client holds at first, base units.
const BALANCE: Amount = 1_000_000_000_000;
/// One transfer in so many pays most of what its sender holds.
const DEAR_ONCE_IN: u64 = 8;

/// All clients.
pub struct Load {
    chance: Chance,
    genesis: Hash,
    parameters: starling_ledger::genesis::Parameters,
    clients: Vec<Client>,
    strangers: u64,
}

struct Client {
    signer: Arc<dyn Signer>,
    account: AccountId,
    /// What it holds by the chain.
    balance: Amount,
    /// Its transactions that are not final, by ascending nonce.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    nonce: Nonce,
    expires_at_ms: u64,
    raw: RawTransaction,
}

/// A client that is about to act.
pub struct Turn {
    client: usize,
    /// Its account.
    pub account: AccountId,
}

impl Load {
    /// Makes the clients and puts their accounts into the genesis.
    pub fn new(seed: u64, signatures: Signatures, genesis: &mut Genesis) -> Self {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let signer = signatures.signer(SecretKey::local(&format!("client {number}")));
                let account = Authority::Key(signer.public_key()).account();
                genesis.accounts.push(GenesisAccount {
                    account,
                    balance: BALANCE,
                });
                Client {
                    signer,
                    account,
                    balance: BALANCE,
                    waiting: VecDeque::new(),
                }
            })
            .collect();
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        Self {
            chance: Chance::new(seed, "load"),
            genesis: genesis.hash(),
            parameters: genesis.parameters,
            clients,
            strangers: 0,
        }
    }

    /// Draws who acts next.
    pub fn turn(&mut self) -> Turn {
        let client = self.chance.position(self.clients.len());
        Turn {
            client,
            account: self.clients[client].account,
        }
    }

    /// Makes what the client of `turn` submits, given its account's next nonce and balance and the
    /// time by the chain.
    pub fn submission(
        &mut self,
        turn: &Turn,
        (next, balance): (Nonce, Amount),
        time_ms: u64,
    ) -> RawTransaction {
        let client = &mut self.clients[turn.client];
        client.balance = balance;
        client.waiting.retain(|one| one.nonce >= next);
        if client
            .waiting
            .front()
            .is_some_and(|one| one.nonce > next || one.expires_at_ms <= time_ms)
        {
            client.waiting.clear();
        }
        let room = client.waiting.len() < WAITING_MAX;
        match self.chance.between(0, 9) {
            0 => self.invalid(turn, next, time_ms),
            1..=6 if room => self.fresh(turn, next, time_ms),
            _ => self.again(turn, next, time_ms),
        }
    }

    /// The next transaction of the client.
    fn fresh(&mut self, turn: &Turn, next: Nonce, time_ms: u64) -> RawTransaction {
        let waiting = u64::try_from(self.clients[turn.client].waiting.len()).unwrap_or_default();
        let nonce = next + waiting;
        // Most last for an hour, some for a moment.
        let lasts_ms = if self.chance.percent(90) {
            3_600_000
        } else {
            self.chance.between(1, 3_000)
        };
        let expires_at_ms = time_ms + lasts_ms;
        let raw = self.transfer(turn, (nonce, expires_at_ms), None);
        let entry = Waiting {
            nonce,
            expires_at_ms,
            raw: raw.clone(),
        };
        self.clients[turn.client].waiting.push_back(entry);
        raw
    }

    /// One of the client's transactions once more.
    fn again(&mut self, turn: &Turn, next: Nonce, time_ms: u64) -> RawTransaction {
        let position = self
            .chance
            .position(self.clients[turn.client].waiting.len());
        match self.clients[turn.client].waiting.get(position) {
            Some(waiting) => waiting.raw.clone(),
            None => self.fresh(turn, next, time_ms),
        }
    }

    /// Something that must never be executed: too much, of the past, wrongly signed, or no
    /// transaction.
    fn invalid(&mut self, turn: &Turn, next: Nonce, time_ms: u64) -> RawTransaction {
        let hour = time_ms + 3_600_000;
        match self.chance.between(0, 3) {
            0 => self.transfer(turn, (next, hour), Some(Amount::MAX / 2)),
            1 => self.transfer(turn, (next.saturating_sub(1), time_ms), None),
            2 => {
                let raw = self.transfer(turn, (next, hour), None);
                let mut transaction = raw.decode().expect("it was made here");
                transaction.signatures = vec![Signature([7; 64])];
                transaction.to_raw()
            }
            _ => {
                let size = self.chance.position(200) + 1;
                let bytes: Vec<u8> = (0..size)
                    .map(|_| self.chance.number().to_le_bytes()[0])
                    .collect();
                RawTransaction(bytes.into())
            }
        }
    }

    fn transfer(
        &mut self,
        turn: &Turn,
        (nonce, expires_at_ms): (Nonce, u64),
        amount: Option<Amount>,
    ) -> RawTransaction {
        let to = self.receiver();
        let amount = amount.unwrap_or_else(|| self.chance.between(1, 1_000));
        let tip = self.chance.between(0, 500);
        let client = &self.clients[turn.client];
        // Some pay most of what the client holds, so that not all that it sends can be paid.
        let amount = match tip % DEAR_ONCE_IN {
            0 => amount.max(client.balance / 4 * 3),
            _ => amount,
        };
        let signer = Arc::clone(&client.signer);
        let mut body = Body {
            sender: None,
            nonce,
            fee: 0,
            expires_at_ms,
            memo: String::new(),
            actions: vec![Action::Transfer { to, amount }],
        };
        let size = self.sign(&body, signer.as_ref()).0.len();
        body.fee = self.parameters.required_fee(size, 1).unwrap_or_default() + tip;
        self.sign(&body, signer.as_ref())
    }

    /// Another client, or an account that is new.
    fn receiver(&mut self) -> AccountId {
        if self.chance.percent(80) {
            let other = self.chance.position(self.clients.len());
            return self.clients[other].account;
        }
        self.strangers += 1;
        let mut id = [0xA5; 32];
        id[..8].copy_from_slice(&self.strangers.to_le_bytes());
        AccountId(id)
    }

    fn sign(&self, body: &Body, signer: &dyn Signer) -> RawTransaction {
        let authority = Authority::Key(signer.public_key());
        let id = body.id(&self.genesis, &authority.account());
        let signatures = vec![signer.sign(&id.0.0)];
        Transaction {
            body: body.clone(),
            authority,
            signatures,
        }
        .to_raw()
    }
}
