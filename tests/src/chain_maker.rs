//! Makes real chains of transfers quickly, for tests and benchmarks that need a long history.
//!
//! Blocks are built, executed and signed by all validators of a local network, as nodes do it, only
//! without a network. Senders are accounts of the genesis; receivers are drawn from a larger number
//! of accounts, which come into being when they are paid first.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::{Block, BlockHeader};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockLimits, BlockPlan, BuiltBlock, Executed, Tip, build};
use starling_ledger::genesis::{Genesis, GenesisAccount, local_account, local_consensus_key};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{SecretKey, Signer};
use starling_ledger::storage::Storage;
use starling_ledger::transaction::{
    Action, Body, Nonce, RawTransaction, Transaction, VerifiedTransaction,
};
use starling_ledger::vote::{Vote, VoteType};

use crate::simulator::chance::Chance;

/// Validators of the network.
const VALIDATORS: u16 = 4;
/// What a sender holds at first: enough for a million transfers.
const BALANCE: u64 = 1 << 40;
/// What a transfer offers: the burned part, also where it makes an account, and a little more.
const FEE: u64 = 12_000;

/// A network whose only node is this process.
pub struct ChainMaker {
    storage: Arc<dyn Storage>,
    chain: ChainStore,
    tip: Tip,
    certificate: Option<CommitCertificate>,
    senders: Vec<Sender>,
    accounts: u64,
    chance: Chance,
}

struct Sender {
    key: SecretKey,
    account: AccountId,
    nonce: Nonce,
}

impl ChainMaker {
    /// Begins a chain in `storage` with `senders` accounts that can pay, out of `accounts` that can
    /// be paid.
    ///
    /// # Panics
    /// Where the storage refuses; so do all functions here.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, senders: u64, accounts: u64) -> Self {
        let senders: Vec<_> = (0..senders).map(Sender::numbered).collect();
        let chain = ChainStore::new(Arc::clone(&storage));
        let genesis = genesis(&senders);
        chain.init_genesis(&genesis).expect("the genesis is valid");
        let tip = chain.tip().expect("the chain has begun");
        Self {
            storage,
            chain,
            tip,
            certificate: None,
            senders,
            accounts,
            chance: Chance::new(1, "transfers"),
        }
    }

    /// Returns where the chain goes on.
    #[must_use]
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Returns where the blocks go.
    #[must_use]
    pub const fn chain(&self) -> &ChainStore {
        &self.chain
    }

    /// Goes on from another state, which the storage must hold: one with more accounts.
    pub fn set_tip(&mut self, tip: Tip) {
        self.tip = tip;
    }

    /// Signs the next `count` transfers: the senders in turn, to any account.
    pub fn transfers(&mut self, count: usize) -> Vec<RawTransaction> {
        let first = self.senders.iter().map(|sender| sender.nonce).sum::<u64>();
        let senders = u64::try_from(self.senders.len()).expect("a few senders");
        let turn = |at: u64| usize::try_from((first + at) % senders).expect("it is an index");
        let count = u64::try_from(count).expect("a few transfers");
        (0..count).map(|at| self.transfer(turn(at))).collect()
    }

    fn transfer(&mut self, sender: usize) -> RawTransaction {
        let to = numbered(self.chance.between(0, self.accounts - 1));
        let sender = &mut self.senders[sender];
        let body = Body {
            sender: None,
            nonce: sender.nonce,
            fee: FEE,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions: vec![Action::Transfer { to, amount: 1 }],
        };
        sender.nonce += 1;
        let id = body.id(&self.tip.genesis_hash, &sender.account);
        let transaction = Transaction {
            body,
            authority: Authority::Key(sender.key.public_key()),
            signatures: vec![sender.key.sign(&id.0.0)],
        };
        transaction.to_raw()
    }

    /// Makes the next block of `transactions`, all of which have to fit and apply.
    #[must_use]
    pub fn build(&self, transactions: &[RawTransaction]) -> (BuiltBlock, CommitCertificate) {
        let trust = |raw: &RawTransaction| raw.trust(&self.tip.genesis_hash);
        let candidates: Vec<Arc<VerifiedTransaction>> = transactions
            .iter()
            .map(|raw| Arc::new(trust(raw).expect("it was made here")))
            .collect();
        let plan = BlockPlan {
            round: 0,
            clock_ms: self.tip.time_ms + 1_000,
            candidates: &candidates,
            evidence: &[],
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let built = build(&self.tip, plan).expect("a block can be made");
        assert_eq!(built.block.transactions.len(), transactions.len());
        let certificate = self.certify(&built.block.header);
        (built, certificate)
    }

    /// Makes `built` final.
    pub fn commit(&mut self, built: &BuiltBlock, certificate: CommitCertificate) {
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        let batch = batch.expect("they are of one block");
        self.chain.append(batch).expect("the disk takes it");
        self.advance(&built.executed, &built.block, certificate);
    }

    /// Goes on after a block that is in the storage.
    pub fn advance(&mut self, executed: &Executed, block: &Block, certificate: CommitCertificate) {
        self.tip = self.tip.child(executed, &block.header);
        let view = self.storage.snapshot().expect("the storage can be read");
        self.tip.state = self.tip.state.settled(view);
        self.certificate = Some(certificate);
    }

    /// Makes and commits `blocks` blocks of `transfers` transfers each.
    pub fn extend(&mut self, blocks: usize, transfers: usize) {
        for _ in 0..blocks {
            let transactions = self.transfers(transfers);
            let (built, certificate) = self.build(&transactions);
            self.commit(&built, certificate);
        }
    }

    /// The precommits of all validators.
    fn certify(&self, header: &BlockHeader) -> CommitCertificate {
        let block = header.hash();
        let sign = |(index, member): (u16, &starling_ledger::validators::Validator)| {
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
                round: header.round,
                block: Some(block),
                validator: member.key,
            };
            let signed = vote.sign(&self.tip.genesis_hash, &consensus_key(member.account));
            CommitSignature {
                validator: index,
                signature: signed.signature,
            }
        };
        CommitCertificate {
            height: header.height,
            round: header.round,
            block,
            signatures: (0..).zip(self.tip.validators.members()).map(sign).collect(),
        }
    }
}

impl Sender {
    fn numbered(number: u64) -> Self {
        let key = SecretKey::local(&format!("sender {number}"));
        Self {
            account: Authority::Key(key.public_key()).account(),
            key,
            nonce: 0,
        }
    }
}

/// The account with this number, which nobody has the key of.
#[must_use]
pub fn numbered(number: u64) -> AccountId {
    AccountId(Hash::of(Context::LocalKey, &[b"account", &number.to_le_bytes()]).0)
}

fn genesis(senders: &[Sender]) -> Genesis {
    let mut genesis = Genesis::local("made", 1_000, VALIDATORS);
    let listed = senders.iter().map(|sender| GenesisAccount {
        account: sender.account,
        balance: BALANCE,
    });
    genesis.accounts = listed.collect();
    genesis.accounts.sort_unstable_by_key(|one| one.account);
    genesis
}

/// The key with which the validator of `account` signs votes.
fn consensus_key(account: AccountId) -> SecretKey {
    let mut names = (1..=VALIDATORS).map(|number| format!("n{number}"));
    let name = names.find(|name| local_account(name) == account);
    local_consensus_key(&name.expect("the validators are n1 to n4"))
}
