//! A short history with a change of validators, and a receipt of everything it can prove.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::codec::CodecError;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, LOCAL_UNIT, local_account, local_consensus_key};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::light::{Anchor, HistoryProof, LightStep, Receipt, Subject};
use starling_ledger::merkle::prove;
use starling_ledger::state::StateProof;
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{
    Action, Body, RawTransaction, Transaction, TransactionId, VerifiedTransaction, possession_hash,
};
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Vote, VoteType};

use super::Sample;

const FILE: &str = "receipt.txt";
const NAMES: [&str; 6] = ["n1", "n2", "n3", "n4", "alice", "bob"];

/// The chain, where it goes on, and what alice did.
pub(super) struct History {
    chain: ChainStore,
    pub(super) tip: Tip,
    pub(super) certificate: Option<CommitCertificate>,
    blocks: Vec<Final>,
    alice: Vec<Arc<VerifiedTransaction>>,
}

/// A final block, and who signed it and signs the next.
struct Final {
    header: BlockHeader,
    certificate: CommitCertificate,
    signers: Arc<ValidatorSet>,
    next: Arc<ValidatorSet>,
}

pub(super) fn samples() -> Vec<Sample> {
    let history = History::new();
    let genesis = starling_ledger::codec::encode(&*history.tip.genesis);
    let mut samples = vec![Sample {
        file: FILE,
        name: "receipt_genesis",
        kind: "Genesis",
        bytes: genesis,
        again: super::again::<Genesis, { super::SMALL_BYTES_MAX }>,
    }];
    samples.extend(history.states());
    samples.extend(history.transactions());
    samples
}

fn receipt_again(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let receipt = Receipt::from_bytes(bytes).map_err(|error| CodecError::Malformed {
        reason: error.to_string(),
    });
    receipt.map(|receipt| receipt.to_bytes())
}

fn digest() -> Hash {
    Hash::of(Context::LocalKey, &[b"document"])
}

impl History {
    /// Three epochs of two blocks: alice bonds in the second, and signs the third.
    pub(super) fn new() -> Self {
        let mut genesis = Genesis::local("receipts", 1_767_225_600_000, 4);
        genesis.parameters.epoch_blocks = 2;
        let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
        chain.init_genesis(&genesis).unwrap();
        let tip = chain.tip().unwrap();
        let mut history = Self {
            chain,
            tip,
            certificate: None,
            blocks: Vec::new(),
            alice: Vec::new(),
        };
        let record = Action::Record {
            digest: digest(),
            note: "minutes".to_owned(),
        };
        let blocks = [
            vec![record],
            vec![history.pay("carol"), history.pay("bob")],
            vec![history.bond()],
            vec![],
            vec![history.pay("dave")],
            vec![],
        ];
        for actions in blocks {
            history.block(actions);
        }
        history
    }

    fn pay(&self, to: &str) -> Action {
        Action::Transfer {
            to: local_account(to),
            amount: 5 * LOCAL_UNIT,
        }
    }

    fn bond(&self) -> Action {
        let key = local_consensus_key("alice");
        let message = possession_hash(&self.tip.genesis_hash, &local_account("alice"));
        Action::Bond {
            consensus_key: key.public_key(),
            amount: 500_000 * LOCAL_UNIT,
            proof_of_possession: key.sign(&message.0),
        }
    }

    /// Signs a transaction of alice.
    fn sign(&self, nonce: u64, expires_at_ms: u64, actions: Vec<Action>) -> RawTransaction {
        let key = SecretKey::local("alice");
        let body = Body {
            sender: None,
            nonce,
            fee: 100_000,
            expires_at_ms,
            memo: String::new(),
            actions,
        };
        let id = body.id(&self.tip.genesis_hash, &local_account("alice"));
        let transaction = Transaction {
            body,
            authority: Authority::Key(key.public_key()),
            signatures: vec![key.sign(&id.0.0)],
        };
        transaction.to_raw()
    }

    /// Adds a block with one transaction of alice, or with none.
    fn block(&mut self, actions: Vec<Action>) {
        let mut candidates = Vec::new();
        if !actions.is_empty() {
            let raw = self.sign(self.alice.len() as u64, u64::MAX, actions);
            let verified = raw.verify(&Ed25519, &self.tip.genesis_hash).unwrap();
            candidates.push(Arc::new(verified));
        }
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
        let built = build(&self.tip, plan).unwrap();
        assert_eq!(built.block.transactions.len(), candidates.len());
        let certificate = self.certify(&built.block.header);
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        self.chain.append(batch.unwrap()).unwrap();
        let signers = Arc::clone(&self.tip.validators);
        self.tip = self.chain.tip().unwrap();
        self.certificate = Some(certificate.clone());
        self.blocks.push(Final {
            header: built.block.header,
            certificate,
            signers,
            next: Arc::clone(&self.tip.validators),
        });
        self.alice.extend(candidates);
    }

    /// All validators sign.
    fn certify(&self, header: &BlockHeader) -> CommitCertificate {
        let block = header.hash();
        let members = self.tip.validators.members().iter().zip(0u16..);
        let sign = |member: (&Validator, u16)| {
            let keys = NAMES.map(local_consensus_key);
            let mut keys = keys.iter();
            let key = keys.find(|key| key.public_key() == member.0.key).unwrap();
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
                round: header.round,
                block: Some(block),
                validator: member.0.key,
            };
            CommitSignature {
                validator: member.1,
                signature: vote.sign(&self.tip.genesis_hash, key).signature,
            }
        };
        CommitCertificate {
            height: header.height,
            round: header.round,
            block,
            signatures: members.map(sign).collect(),
        }
    }

    /// Steps from the block at a height, 0 being the genesis, to the blocks at others.
    fn steps(&self, from: usize, heights: &[usize]) -> Vec<LightStep> {
        let mut trusted = self.blocks[from].signers.hash();
        let mut step = |height: &usize| {
            let block = &self.blocks[height - 1];
            let named = |differs: bool, set: &ValidatorSet| differs.then(|| set.clone());
            let step = LightStep {
                header: block.header.clone(),
                certificate: block.certificate.clone(),
                validators: named(block.signers.hash() != trusted, &block.signers),
                next_validators: named(block.next != block.signers, &block.next),
            };
            trusted = block.next.hash();
            step
        };
        heights.iter().map(&mut step).collect()
    }

    fn sample(&self, name: &'static str, steps: Vec<LightStep>, subject: Subject) -> Sample {
        self.anchored(name, Anchor::Genesis, steps, subject)
    }

    fn anchored(
        &self,
        name: &'static str,
        anchor: Anchor,
        steps: Vec<LightStep>,
        subject: Subject,
    ) -> Sample {
        let receipt = Receipt {
            genesis: self.tip.genesis_hash,
            anchor,
            steps,
            subject,
        };
        Sample {
            file: FILE,
            name,
            kind: "Receipt",
            bytes: receipt.to_bytes(),
            again: receipt_again,
        }
    }

    fn proof(&self, key: StateKey) -> StateProof {
        self.tip.state.prove(&key.to_bytes()).unwrap()
    }

    fn account(&self, account: AccountId) -> Subject {
        let proof = self.proof(StateKey::Account(account));
        Subject::Account { account, proof }
    }

    fn record(&self, sender: AccountId) -> Subject {
        let digest = digest();
        let proof = self.proof(StateKey::Record(sender, digest));
        Subject::Record {
            sender,
            digest,
            proof,
        }
    }

    fn validator(&self, account: AccountId) -> Subject {
        let proof = self.proof(StateKey::Stake(account));
        Subject::Validator { account, proof }
    }

    /// What the state shows: by one step that skips, by one per epoch, from a checkpoint.
    fn states(&self) -> Vec<Sample> {
        let [alice, bob, stranger] = ["alice", "bob", "stranger"].map(local_account);
        let skipping = || self.steps(0, &[6]);
        let each = self.steps(0, &[4, 6]);
        let checkpoint = Anchor::Checkpoint {
            header: Box::new(self.blocks[4].header.clone()),
            next_validators: self.tip.validators.as_ref().clone(),
        };
        vec![
            self.sample("account_present", skipping(), self.account(alice)),
            self.sample("account_absent", each, self.account(stranger)),
            self.sample("record_present", skipping(), self.record(alice)),
            self.sample("record_absent", skipping(), self.record(bob)),
            self.sample("validator_present", skipping(), self.validator(alice)),
            self.sample("validator_absent", skipping(), self.validator(bob)),
            self.anchored(
                "account_from_checkpoint",
                checkpoint,
                self.steps(5, &[6]),
                self.account(bob),
            ),
        ]
    }

    /// A transaction in its block, and what became of four.
    fn transactions(&self) -> Vec<Sample> {
        let second = &self.alice[1];
        let wire_ids = [second.wire_id().0];
        let in_block = Subject::Transaction {
            raw: second.raw().clone(),
            proof: prove(&wire_ids, 0).unwrap(),
        };
        let count = self.alice.len() as u64;
        let open = self.sign(count, u64::MAX, vec![self.pay("bob")]);
        let expired = self.sign(count, 1_767_225_600_001, vec![self.pay("bob")]);
        let replaced = self.sign(1, u64::MAX, vec![self.pay("mallory")]);
        let cases = [
            ("history_happened", second.raw().clone(), 1),
            ("history_open", open, self.alice.len()),
            ("history_expired", expired, self.alice.len()),
            ("history_replaced", replaced, 1),
        ];
        let mut samples = vec![self.sample("transaction_in_block", self.steps(0, &[2]), in_block)];
        for (name, raw, nonce) in cases {
            let proof = self.history(nonce);
            samples.push(self.sample(name, self.steps(0, &[6]), Subject::History { raw, proof }));
        }
        samples
    }

    /// What alice did from a nonce on, and the hash of what she did before.
    fn history(&self, nonce: usize) -> HistoryProof {
        let ids: Vec<TransactionId> = self.alice.iter().map(|one| one.id()).collect();
        let after = |hash: Hash, id: &TransactionId| {
            starling_ledger::account::Account::history_after(&hash, id)
        };
        HistoryProof {
            account: self.proof(StateKey::Account(local_account("alice"))),
            before: match nonce < ids.len() {
                true => ids[..nonce].iter().fold(Hash::ZERO, after),
                false => Hash::ZERO,
            },
            ids: ids[nonce.min(ids.len())..].to_vec(),
        }
    }
}
