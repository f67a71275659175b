//! Makes ledgers of any length, over any storage: real blocks, real signatures, and always the
//! same ones.
//!
//! Block h holds the same transfers whenever it is made, so that a ledger that was killed and goes
//! on can be compared with one that was not.

use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::{Block, BlockHash, BlockHeader};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, local_account, local_consensus_key};
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::{Storage, WriteBatch};
use starling_ledger::transaction::{Action, Body, Nonce, Transaction, VerifiedTransaction};
use starling_ledger::vote::{Vote, VoteType};

/// Enough for a transfer that makes an account.
const FEE: u64 = 20_000;
/// Accounts that are paid to, in turn.
const RECEIVERS: u64 = 1_000;
/// Blocks written at once where nobody waits for each.
const BATCH_BLOCKS: u64 = 64;
/// When the network was born.
const BIRTH_MS: u64 = 1_000;
/// Blocks of an epoch: short, so that a ledger has many.
const EPOCH_BLOCKS: u64 = 100;

/// A ledger that grows.
pub struct LedgerMaker {
    storage: Arc<dyn Storage>,
    chain: ChainStore,
    tip: Tip,
    certificate: Option<CommitCertificate>,
    transfers: u64,
    key: SecretKey,
    signers: Vec<SecretKey>,
}

impl LedgerMaker {
    /// Begins a ledger, or goes on with the one that is there; each block has `transfers`.
    ///
    /// # Panics
    /// If the storage cannot be read, or holds another ledger.
    pub fn new(storage: Arc<dyn Storage>, transfers: u64) -> Self {
        let chain = ChainStore::new(Arc::clone(&storage));
        chain.init_genesis(&genesis()).expect("a ledger");
        let tip = chain.tip().expect("a tip");
        let certificate = chain.read().certificate(tip.height).expect("readable");
        let names: Vec<_> = (1..=4).map(|number| format!("n{number}")).collect();
        let key_of = |account: AccountId| {
            let name = names.iter().find(|name| local_account(name) == account);
            local_consensus_key(name.expect("the validators are n1 to n4"))
        };
        let members = tip.validators.members().iter();
        let signers = members.map(|member| key_of(member.account)).collect();
        Self {
            storage,
            chain,
            tip,
            certificate,
            transfers,
            key: SecretKey::local("alice"),
            signers,
        }
    }

    /// Returns the chain.
    pub const fn chain(&self) -> &ChainStore {
        &self.chain
    }

    /// Returns the last block's height and hash.
    pub const fn head(&self) -> (u64, BlockHash) {
        (self.tip.height, self.tip.hash)
    }

    /// Makes one more block, which is on the disk when this returns.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn append(&mut self) {
        let batch = self.next();
        self.write(batch);
    }

    /// Makes blocks up to `height`, many at a time.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn extend(&mut self, height: u64) {
        while self.tip.height < height {
            let mut batch = WriteBatch::new();
            let end = height.min(self.tip.height + BATCH_BLOCKS);
            while self.tip.height < end {
                batch.append(self.next());
            }
            self.write(batch);
        }
    }

    fn write(&mut self, batch: WriteBatch) {
        self.chain.append(batch).expect("the storage takes it");
        let view = self.storage.snapshot().expect("a snapshot");
        self.tip.state = self.tip.state.settled(view);
    }

    /// Makes the next block, and returns what makes it final.
    fn next(&mut self) -> WriteBatch {
        let candidates: Vec<_> = (0..self.transfers).map(|one| self.transfer(one)).collect();
        let plan = BlockPlan {
            round: 0,
            clock_ms: BIRTH_MS + (self.tip.height + 1) * 1_000,
            candidates: &candidates,
            evidence: &[],
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let built = build(&self.tip, plan).expect("a block");
        assert!(built.skipped.is_empty(), "{:?}", built.skipped);
        let Block { header, .. } = &built.block;
        let certificate = self.certify(header);
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        self.tip = self.tip.child(&built.executed, header);
        self.certificate = Some(certificate);
        batch.expect("they belong together")
    }

    fn transfer(&self, index: u64) -> Arc<VerifiedTransaction> {
        let nonce: Nonce = self.tip.height * self.transfers + index;
        let mut to = [0; 32];
        to[..8].copy_from_slice(&(nonce % RECEIVERS).to_be_bytes());
        let body = Body {
            sender: None,
            nonce,
            fee: FEE,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions: vec![Action::Transfer {
                to: AccountId(to),
                amount: 1,
            }],
        };
        let authority = Authority::Key(self.key.public_key());
        let genesis = &self.tip.genesis_hash;
        let id = body.id(genesis, &authority.account());
        let signed = Transaction {
            signatures: vec![self.key.sign(&id.0.0)],
            authority,
            body,
        };
        let verified = signed.to_raw().verify(&Ed25519, genesis);
        Arc::new(verified.expect("it is signed"))
    }

    fn certify(&self, header: &BlockHeader) -> CommitCertificate {
        let block = header.hash();
        let sign = |(index, key): (u16, &SecretKey)| {
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
                round: 0,
                block: Some(block),
                validator: key.public_key(),
            };
            CommitSignature {
                validator: index,
                signature: vote.sign(&self.tip.genesis_hash, key).signature,
            }
        };
        CommitCertificate {
            height: header.height,
            round: 0,
            block,
            signatures: (0..).zip(&self.signers).map(sign).collect(),
        }
    }

    /// Returns what the state says of the account that pays.
    ///
    /// # Panics
    /// If the state cannot be read.
    pub fn payer(&self) -> Account {
        let key = StateKey::account(&local_account("alice"));
        let bytes = self.tip.state.get(&key).expect("readable");
        Account::from_bytes(&bytes.expect("she has an account")).expect("an account")
    }
}

/// The network of all these ledgers.
pub fn genesis() -> Genesis {
    let mut genesis = Genesis::local("local", BIRTH_MS, 4);
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    genesis
}
