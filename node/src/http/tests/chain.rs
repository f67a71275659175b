//! A short chain in memory, made by the ledger's own rules.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::{Block, BlockHash};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::evidence::Evidence;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, local_account, local_consensus_key};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, SecretKey, Signature, Signer as _};
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{Action, Body, Transaction, VerifiedTransaction};
use starling_ledger::vote::{Vote, VoteType};

const VALIDATORS: u16 = 4;
const BIRTH_MS: u64 = 1_700_000_000_000;
const FEE: u64 = 100_000;

/// A chain that grows as a test wants.
pub(super) struct Chain {
    pub(super) store: Arc<ChainStore>,
    pub(super) tip: Tip,
    pub(super) genesis: Genesis,
    certificate: Option<CommitCertificate>,
}

impl Chain {
    pub(super) fn new() -> Self {
        let genesis = Genesis::local("local", BIRTH_MS, VALIDATORS);
        let store = ChainStore::new(Arc::new(MemoryStorage::new()));
        store.init_genesis(&genesis).unwrap();
        let tip = store.tip().unwrap();
        Self {
            store: Arc::new(store),
            tip,
            genesis,
            certificate: None,
        }
    }

    /// Makes a payment of one unit from alice to bob.
    pub(super) fn payment(&self, nonce: u64) -> Arc<VerifiedTransaction> {
        let to = local_account("bob");
        self.transaction(nonce, Action::Transfer { to, amount: 1 })
    }

    /// Makes a transaction of alice.
    pub(super) fn transaction(&self, nonce: u64, action: Action) -> Arc<VerifiedTransaction> {
        let key = SecretKey::local("alice");
        let body = Body {
            sender: None,
            nonce,
            fee: FEE,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions: vec![action],
        };
        let id = body.id(&self.tip.genesis_hash, &local_account("alice"));
        let signatures: Vec<Signature> = vec![key.sign(&id.0.0)];
        let authority = Authority::Key(key.public_key());
        let raw = Transaction {
            body,
            authority,
            signatures,
        }
        .to_raw();
        Arc::new(raw.verify(&Ed25519, &self.tip.genesis_hash).unwrap())
    }

    /// Makes a block of `payments` final and stores it; three of four sign.
    pub(super) fn commit(&mut self, payments: &[Arc<VerifiedTransaction>]) -> Block {
        self.commit_with(payments, &[])
    }

    /// The same, with evidence that is punishable.
    pub(super) fn commit_with(
        &mut self,
        payments: &[Arc<VerifiedTransaction>],
        evidence: &[Evidence],
    ) -> Block {
        let plan = BlockPlan {
            round: 0,
            clock_ms: self.tip.time_ms + 1000,
            candidates: payments,
            evidence,
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let built = build(&self.tip, plan).unwrap();
        assert_eq!(built.skipped, []);
        assert_eq!(built.refused_evidence, []);
        let certificate = self.certify(&built.block);
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        self.store.append(batch.unwrap()).unwrap();
        self.tip = self.tip.child(&built.executed, &built.block.header);
        self.certificate = Some(certificate);
        built.block
    }

    /// Makes two votes of a validator that contradict each other.
    pub(super) fn double_vote(&self, name: &str, height: u64) -> Evidence {
        let key = local_consensus_key(name);
        let vote = |byte| {
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height,
                round: 0,
                block: Some(BlockHash(Hash([byte; 32]))),
                validator: key.public_key(),
            };
            vote.sign(&self.tip.genesis_hash, &key)
        };
        Evidence::of_votes(vote(1), vote(2))
    }

    fn certify(&self, block: &Block) -> CommitCertificate {
        let mut certificate = CommitCertificate {
            height: block.header.height,
            round: 0,
            block: block.header.hash(),
            signatures: Vec::new(),
        };
        let keys: Vec<_> = (1..=VALIDATORS)
            .map(|number| local_consensus_key(&format!("n{number}")))
            .collect();
        for index in 0..VALIDATORS - 1 {
            let vote = certificate.precommit(&self.tip.validators, index).unwrap();
            let key = keys
                .iter()
                .find(|key| key.public_key() == vote.validator)
                .unwrap();
            let signature = key.sign(&vote.sign_hash(&self.tip.genesis_hash).0);
            certificate.signatures.push(CommitSignature {
                validator: index,
                signature,
            });
        }
        certificate
    }

    /// Returns the address of a person of local networks.
    pub(super) fn address(&self, name: &str) -> String {
        self.address_of(local_account(name))
    }

    pub(super) fn address_of(&self, account: AccountId) -> String {
        account.to_address(self.genesis.kind)
    }
}
