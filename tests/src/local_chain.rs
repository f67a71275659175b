//! A chain that this process makes alone, with the keys of everybody who may be its validator.
//!
//! Blocks are built, executed and signed as nodes do it, only without a network.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockLimits, BlockPlan, BuiltBlock, Executed, Tip, build};
use starling_ledger::genesis::{Genesis, local_account, local_consensus_key};
use starling_ledger::keys::{SecretKey, Signer};
use starling_ledger::storage::{Storage, WriteBatch};
use starling_ledger::transaction::{
    Action, Body, Nonce, RawTransaction, Transaction, VerifiedTransaction,
};
use starling_ledger::validators::Validator;
use starling_ledger::vote::{Vote, VoteType};

/// Validators of the network.
pub(crate) const VALIDATORS: u16 = 4;
/// Who may become validators later.
pub(crate) const HEIRS: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// Time from a block to the next.
const BLOCK_MS: u64 = 1_000;

/// The chain, and where it goes on.
pub(crate) struct LocalChain {
    storage: Arc<dyn Storage>,
    pub(crate) chain: ChainStore,
    pub(crate) tip: Tip,
    certificate: Option<CommitCertificate>,
    validators: Vec<(AccountId, SecretKey)>,
}

impl LocalChain {
    /// Begins a chain, or goes on with the one that is there.
    pub(crate) fn new(storage: Arc<dyn Storage>, genesis: &Genesis) -> Self {
        let chain = ChainStore::new(Arc::clone(&storage));
        chain.init_genesis(genesis).expect("the genesis of a chain");
        let tip = chain.tip().expect("the chain has begun");
        let certificate = chain.read().certificate(tip.height).expect("readable");
        let names = (1..=VALIDATORS).map(|number| format!("n{number}"));
        let names = names.chain(HEIRS.map(str::to_owned));
        let validators = names.map(|name| (local_account(&name), local_consensus_key(&name)));
        Self {
            storage,
            chain,
            tip,
            certificate,
            validators: validators.collect(),
        }
    }

    /// Signs a transfer of one base unit.
    pub(crate) fn transfer(
        &self,
        (payer, nonce): (&SecretKey, Nonce),
        to: AccountId,
        fee: u64,
    ) -> RawTransaction {
        self.signed((payer, nonce), Action::Transfer { to, amount: 1 }, fee)
    }

    /// Signs an action.
    pub(crate) fn signed(
        &self,
        (payer, nonce): (&SecretKey, Nonce),
        action: Action,
        fee: u64,
    ) -> RawTransaction {
        let body = Body {
            sender: None,
            nonce,
            fee,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions: vec![action],
        };
        let authority = Authority::Key(payer.public_key());
        let id = body.id(&self.tip.genesis_hash, &authority.account());
        let signed = Transaction {
            signatures: vec![payer.sign(&id.0.0)],
            authority,
            body,
        };
        signed.to_raw()
    }

    /// Makes the next block of `transactions`, all of which have to fit and apply.
    pub(crate) fn build(&self, transactions: &[RawTransaction]) -> (BuiltBlock, CommitCertificate) {
        let trust = |raw: &RawTransaction| raw.trust(&self.tip.genesis_hash);
        let candidates: Vec<Arc<VerifiedTransaction>> = transactions
            .iter()
            .map(|raw| Arc::new(trust(raw).expect("it was made here")))
            .collect();
        let plan = BlockPlan {
            round: 0,
            clock_ms: self.tip.time_ms + BLOCK_MS,
            candidates: &candidates,
            evidence: &[],
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let built = build(&self.tip, plan).expect("a block can be made");
        assert!(built.skipped.is_empty(), "{:?}", built.skipped);
        let certificate = self.certify(&built.block.header);
        (built, certificate)
    }

    /// Goes on after `built`, and returns what makes it final once it is written.
    pub(crate) fn take(
        &mut self,
        built: &BuiltBlock,
        certificate: CommitCertificate,
    ) -> WriteBatch {
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        self.step(&built.executed, &built.block.header, certificate);
        batch.expect("they are of one block")
    }

    /// Writes what makes blocks final.
    pub(crate) fn write(&mut self, batch: WriteBatch) {
        self.chain.append(batch).expect("the storage takes it");
        self.settle();
    }

    /// Goes on after a block that is in the storage, or will be.
    pub(crate) fn step(
        &mut self,
        executed: &Executed,
        header: &BlockHeader,
        certificate: CommitCertificate,
    ) {
        self.tip = self.tip.child(executed, header);
        self.certificate = Some(certificate);
    }

    /// Reads the state from the storage from now on.
    pub(crate) fn settle(&mut self) {
        let view = self.storage.snapshot().expect("the storage can be read");
        self.tip.state = self.tip.state.settled(view);
    }

    /// The precommits of all validators.
    fn certify(&self, header: &BlockHeader) -> CommitCertificate {
        let block = header.hash();
        let sign = |(index, member): (u16, &Validator)| {
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
                round: header.round,
                block: Some(block),
                validator: member.key,
            };
            let signed = vote.sign(&self.tip.genesis_hash, self.key_of(member));
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

    fn key_of(&self, member: &Validator) -> &SecretKey {
        let mut known = self.validators.iter();
        let found = known.find(|(account, _)| *account == member.account);
        &found.expect("a validator of these chains").1
    }
}
