//! A local network in memory, for tests: makes, signs, executes and stores blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crate::account::Account;
use crate::address::AccountId;
use crate::authority::Authority;
use crate::block::{Block, BlockHeader};
use crate::certificate::{CommitCertificate, CommitSignature};
use crate::chain::ChainStore;
use crate::evidence::Evidence;
use crate::execution::{
    ApplyError, BlockError, BlockLimits, BlockPlan, BuiltBlock, Checks, Executed, NextBlock,
    PendingChain, ReadSet, Tip, build, execute,
};
use crate::genesis::{Genesis, local_account, local_consensus_key};
use crate::keys::{Ed25519, PublicKey, SecretKey, Signer as _};
use crate::staking::Stake;
use crate::state_key::StateKey;
use crate::storage::{MemoryStorage, Storage};
use crate::supply::Totals;
use crate::transaction::{
    Action, Amount, Body, Nonce, RawTransaction, Transaction, VerifiedTransaction,
};
use crate::vote::{Round, Vote, VoteType};

/// Enough for any transaction of the tests.
pub(crate) const FEE: Amount = 500_000;

/// A network whose only node is the test.
pub(crate) struct Network {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) chain: ChainStore,
    pub(crate) tip: Tip,
    /// The certificate of the tip.
    pub(crate) certificate: Option<CommitCertificate>,
    /// Validators that sign nothing.
    pub(crate) away: BTreeSet<AccountId>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self::with(&Genesis::local("local", 1_000, 4))
    }

    pub(crate) fn with(genesis: &Genesis) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let chain = ChainStore::new(Arc::clone(&storage));
        chain.init_genesis(genesis).unwrap();
        let tip = chain.tip().unwrap();
        Self {
            storage,
            chain,
            tip,
            certificate: None,
            away: BTreeSet::new(),
        }
    }

    /// A body that is valid if the actions are.
    pub(crate) fn body(nonce: Nonce, actions: Vec<Action>) -> Body {
        Body {
            sender: None,
            nonce,
            fee: FEE,
            expires_at_ms: u64::MAX,
            memo: String::new(),
            actions,
        }
    }

    /// Signs `body` with the key of `name`.
    pub(crate) fn sign(&self, name: &str, body: Body) -> Arc<VerifiedTransaction> {
        let key = SecretKey::local(name);
        let authority = Authority::Key(key.public_key());
        let sender = body.sender.unwrap_or_else(|| authority.account());
        let id = body.id(&self.tip.genesis_hash, &sender);
        let transaction = Transaction {
            signatures: vec![key.sign(&id.0.0)],
            authority,
            body,
        };
        let raw = transaction.to_raw();
        Arc::new(raw.verify(&Ed25519, &self.tip.genesis_hash).unwrap())
    }

    /// A signed transfer.
    pub(crate) fn pay(
        &self,
        from: &str,
        nonce: Nonce,
        to: &str,
        amount: Amount,
    ) -> Arc<VerifiedTransaction> {
        self.sign(from, Self::body(nonce, vec![transfer(to, amount)]))
    }

    /// Builds the next block, one second after its parent.
    pub(crate) fn build(&self, candidates: &[Arc<VerifiedTransaction>]) -> BuiltBlock {
        self.build_in(0, candidates).unwrap()
    }

    pub(crate) fn build_in(
        &self,
        round: Round,
        candidates: &[Arc<VerifiedTransaction>],
    ) -> Result<BuiltBlock, BlockError> {
        let clock_ms = self.tip.time_ms.saturating_add(1_000);
        build(
            &self.tip,
            BlockPlan {
                round,
                ..self.plan(clock_ms, candidates, &[])
            },
        )
    }

    /// Builds the next block with evidence, one second after its parent.
    pub(crate) fn build_with(
        &self,
        candidates: &[Arc<VerifiedTransaction>],
        evidence: &[Evidence],
    ) -> BuiltBlock {
        let clock_ms = self.tip.time_ms.saturating_add(1_000);
        build(&self.tip, self.plan(clock_ms, candidates, evidence)).unwrap()
    }

    /// What a proposer plans if nothing limits it.
    pub(crate) fn plan<'a>(
        &self,
        clock_ms: u64,
        candidates: &'a [Arc<VerifiedTransaction>],
        evidence: &'a [Evidence],
    ) -> BlockPlan<'a> {
        BlockPlan {
            round: 0,
            clock_ms,
            candidates,
            evidence,
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        }
    }

    /// What a mempool that holds nothing of the sender says of a transaction.
    pub(crate) fn admit(&self, candidate: &Arc<VerifiedTransaction>) -> Result<(), ApplyError> {
        let sender = candidate.sender();
        let reads = ReadSet::of_each(&self.tip, std::slice::from_ref(candidate)).unwrap();
        let chain = PendingChain::new(sender, reads[0].account(&sender));
        let next = NextBlock::after(&self.tip);
        let ran = chain.run(candidate, &reads[0], &next).unwrap();
        ran.map(|_| ())
    }

    /// What the next block does with one transaction.
    pub(crate) fn apply(&self, candidate: &Arc<VerifiedTransaction>) -> Result<(), ApplyError> {
        let built = self.build(std::slice::from_ref(candidate));
        match built.skipped.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Executes somebody's block.
    pub(crate) fn execute(&self, block: &Block) -> Result<Executed, BlockError> {
        execute_on(&self.tip, block)
    }

    /// Builds, executes, signs and stores a block, of which all candidates must be part.
    pub(crate) fn commit(&mut self, candidates: &[Arc<VerifiedTransaction>]) -> Block {
        let built = self.build(candidates);
        assert_eq!(built.skipped, []);
        self.finish(&built);
        built.block
    }

    /// Makes a block final, signed by all validators but those that are away.
    pub(crate) fn finish(&mut self, built: &BuiltBlock) {
        let executed = self.execute(&built.block).unwrap();
        assert_eq!(executed.state.root, built.executed.state.root);
        assert_eq!(executed.next_validators, built.executed.next_validators);
        let members = self.tip.validators.members().iter();
        let signers: Vec<_> = (0u16..)
            .zip(members)
            .filter(|(_, member)| !self.away.contains(&member.account))
            .map(|(index, _)| index)
            .collect();
        let certificate = self.certify(&built.block.header, &signers);
        let batch = ChainStore::append_batch(&built.block, &executed, &certificate).unwrap();
        self.chain.append(batch).unwrap();
        self.tip = self.tip.child(&executed, &built.block.header);
        self.tip.state = self.tip.state.settled(self.storage.snapshot().unwrap());
        self.certificate = Some(certificate);
    }

    /// The precommits of the validators at these positions.
    pub(crate) fn certify(&self, header: &BlockHeader, signers: &[u16]) -> CommitCertificate {
        let block = header.hash();
        let sign = |index: &u16| {
            let member = self.tip.validators.members()[usize::from(*index)];
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
                round: header.round,
                block: Some(block),
                validator: member.key,
            };
            let signed = vote.sign(&self.tip.genesis_hash, consensus_key(&member.key));
            CommitSignature {
                validator: *index,
                signature: signed.signature,
            }
        };
        CommitCertificate {
            height: header.height,
            round: header.round,
            block,
            signatures: signers.iter().map(sign).collect(),
        }
    }

    pub(crate) fn account(&self, id: &AccountId) -> Option<Account> {
        let bytes = self.tip.state.get(&StateKey::account(id)).unwrap();
        bytes.map(|bytes| Account::from_bytes(&bytes).unwrap())
    }

    pub(crate) fn stake_of(&self, id: &AccountId) -> Option<Stake> {
        let bytes = self.tip.state.get(&StateKey::stake(id)).unwrap();
        bytes.map(|bytes| Stake::from_bytes(&bytes).unwrap())
    }

    pub(crate) fn balance(&self, name: &str) -> Amount {
        self.account(&local_account(name))
            .map_or(0, |account| account.balance)
    }

    pub(crate) fn totals(&self) -> Totals {
        let bytes = self.tip.state.get(&StateKey::totals()).unwrap();
        Totals::from_bytes(&bytes.unwrap()).unwrap()
    }

    /// Gives an account, which need not exist, another entry.
    pub(crate) fn set_account(&mut self, name: &str, change: impl FnOnce(&mut Account)) {
        let id = local_account(name);
        let mut account = self.account(&id).unwrap_or(Account::new(&id, 0));
        change(&mut account);
        let changes = [(StateKey::account(&id), Some(account.to_bytes()))];
        self.tip.state = self.tip.state.update(&changes.into()).unwrap().state;
    }
}

/// Executes somebody's block on somebody's tip.
pub(crate) fn execute_on(tip: &Tip, block: &Block) -> Result<Executed, BlockError> {
    let genesis = tip.genesis_hash;
    let checks = Checks {
        scheme: &Ed25519,
        transactions: &|raw| {
            let verified = RawTransaction::verify_all(raw, &Ed25519, &genesis)?;
            Ok(verified.into_iter().map(Arc::new).collect())
        },
        verified_certificate: None,
    };
    execute(tip, block, &checks)
}

pub(crate) fn transfer(to: &str, amount: Amount) -> Action {
    let to = local_account(to);
    Action::Transfer { to, amount }
}

/// The secret half of a consensus key of the tests: those of `n1` to `n9`, and `k0` to `k39`.
pub(crate) fn consensus_key(key: &PublicKey) -> &'static SecretKey {
    static KEYS: LazyLock<BTreeMap<PublicKey, SecretKey>> = LazyLock::new(|| {
        let first = (1..10).map(|number| local_consensus_key(&format!("n{number}")));
        let others = (0..40).map(|number| SecretKey::local(&format!("k{number}")));
        let all = first.chain(others);
        all.map(|secret| (secret.public_key(), secret)).collect()
    });
    KEYS.get(key).expect("a consensus key of the tests")
}
