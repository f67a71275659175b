//! A network in memory whose only node is the test; signatures are neither made nor checked.

use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainStore;
use starling_ledger::evidence::Evidence;
use starling_ledger::execution::{BlockLimits, BlockPlan, BuiltBlock, Tip, build};
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{PublicKey, Signature, SignatureScheme};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::VerifiedTransaction;

/// What stands where a signature would.
pub(crate) const UNSIGNED: Signature = Signature([0; 64]);

/// Takes everything for signed.
pub(crate) struct Unchecked;

impl SignatureScheme for Unchecked {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// The chain and where it goes on.
pub(crate) struct Network {
    chain: ChainStore,
    pub(crate) tip: Tip,
    certificate: Option<CommitCertificate>,
}

impl Network {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
        chain.init_genesis(genesis).unwrap();
        Self {
            tip: chain.tip().unwrap(),
            chain,
            certificate: None,
        }
    }

    pub(crate) fn account(&self, id: &AccountId) -> Option<Account> {
        let bytes = self.tip.state.get(&StateKey::account(id)).unwrap();
        bytes.map(|bytes| Account::from_bytes(&bytes).unwrap())
    }

    /// Builds the next block of what applies.
    pub(crate) fn build(
        &self,
        candidates: &[Arc<VerifiedTransaction>],
        evidence: &[Evidence],
        clock_ms: u64,
    ) -> BuiltBlock {
        let plan = BlockPlan {
            round: u32::try_from(self.tip.height % 3).unwrap(),
            clock_ms,
            candidates,
            evidence,
            parent_certificate: self.certificate.clone(),
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        build(&self.tip, plan).unwrap()
    }

    /// Makes a block final: all validators sign it, but who is away at that height.
    pub(crate) fn finish(&mut self, built: &BuiltBlock) {
        let header = &built.block.header;
        let set = &self.tip.validators;
        let power = |at: usize| set.members().get(at).map_or(0, |member| member.power);
        // The second is away for whole epochs, as long as the others can do without.
        let away = header.height % 40 >= 20 && set.is_quorum(set.total_power() - power(1));
        let members = u16::try_from(set.members().len()).unwrap();
        let present = |position: &u16| *position != 1 || !away;
        let signatures = (0..members)
            .filter(present)
            .map(|validator| CommitSignature {
                validator,
                signature: UNSIGNED,
            });
        let certificate = CommitCertificate {
            height: header.height,
            round: header.round,
            block: header.hash(),
            signatures: signatures.collect(),
        };
        let batch = ChainStore::append_batch(&built.block, &built.executed, &certificate);
        self.chain.append(batch.unwrap()).unwrap();
        self.tip = self.chain.tip().unwrap();
        self.certificate = Some(certificate);
    }
}
