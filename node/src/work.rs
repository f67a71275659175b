//! Work above 100 µs, which the core hands out and gets back as an input.
//!
//! A piece of [`Work`] carries all it needs: an immutable view of the ledger, and bytes.
//! [`Worker::run`] is a sequential function of it, so a thread pool and the simulator compute the
//! same result; when it comes back is the shell's affair.
//!
//! # Limits
//! The memo of verified transactions holds [`MEMO_BYTES`] unless it is told otherwise.

mod memo;

use std::sync::{Arc, Mutex, PoisonError};

use starling_ledger::block::{BLOCK_BYTES_MAX, Block, BlockHash, BlockHeader, FinalBlock};
use starling_ledger::certificate::{CertificateError, CommitCertificate};
use starling_ledger::codec::{CodecError, decode, encode};
use starling_ledger::evidence::Evidence;
use starling_ledger::execution::{
    ApplyError, BlockError, BlockLimits, BlockPlan, Checks, EvidenceRefusal, Executed, ReadSet,
    Tip, build, execute,
};
use starling_ledger::hash::Hash;
use starling_ledger::keys::{BATCH_MAX, PublicKey, SignatureScheme};
use starling_ledger::light::{Compared, LightError, OwnBlock};
use starling_ledger::staking::{ConsensusKey, Stake, StakeStatus};
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{
    AllVerified, RawTransaction, TransactionError, TransactionId, VerifiedTransaction, WireId,
};
use starling_ledger::vote::{Height, Round};

pub use memo::MEMO_BYTES;

use memo::Memo;

use crate::mempool::{RanQueue, StaleQueue, rerun};
use crate::node_state::Standing;

/// A piece of work.
#[derive(Clone)]
pub enum Work {
    /// Decode and verify transactions, and read what they read.
    CheckTransactions {
        /// The encodings.
        batch: Vec<RawTransaction>,
        /// The version of the ledger to read from.
        tip: Tip,
    },
    /// Run what waits of some senders, each from its first.
    RunQueues {
        /// What waits.
        queues: Vec<StaleQueue>,
        /// The tip they wait for the next block of.
        tip: Tip,
    },
    /// Make a block on top of `tip`.
    BuildBlock {
        /// The parent.
        tip: Tip,
        /// What goes into it.
        inputs: BlockInputs,
    },
    /// Check a proposed block against every rule.
    ExecuteBlock {
        /// The parent.
        tip: Tip,
        /// The block's hash, as proposed.
        hash: BlockHash,
        /// Its encoding.
        raw: Arc<[u8]>,
        /// The hash of a certificate of the parent that was verified here.
        verified_certificate: Option<Hash>,
    },
    /// Check final blocks that follow each other, as fetched from a neighbour.
    CheckRange {
        /// The parent of the first.
        tip: Tip,
        /// Encodings of [`FinalBlock`].
        blocks: Vec<Arc<[u8]>>,
    },
    /// Compare a neighbour's final block with ours of the same height.
    CompareChains {
        /// Ours.
        own: Box<OwnBlock>,
        /// The encoding of theirs, a [`FinalBlock`].
        theirs: Arc<[u8]>,
    },
    /// Read what the ledger says of a validator's key.
    ReadStanding {
        /// The key.
        key: PublicKey,
        /// The version of the ledger to read from.
        tip: Tip,
    },
}

/// What a proposer puts into a block.
#[derive(Clone)]
pub struct BlockInputs {
    /// The round it is made in.
    pub round: Round,
    /// The proposer's clock, milliseconds since 1970.
    pub clock_ms: u64,
    /// Transactions in the order of their effects.
    pub candidates: Vec<Arc<VerifiedTransaction>>,
    /// Offences to punish, each verified.
    pub evidence: Vec<Evidence>,
    /// The certificate of the parent; `None` for block 1.
    pub parent_certificate: Option<CommitCertificate>,
    /// How much goes in.
    pub limits: BlockLimits,
}

/// What came of a piece of work.
pub enum WorkResult {
    /// Of [`Work::CheckTransactions`].
    Transactions {
        /// The height that was read at.
        height: Height,
        /// One entry per transaction, in order.
        checked: Vec<CheckedTransaction>,
    },
    /// Of [`Work::RunQueues`], in order; the error is a state that cannot be read.
    Queues(Result<Vec<RanQueue>, BlockError>),
    /// Of [`Work::BuildBlock`].
    Built {
        /// The block and its effects, or why there is none (a failing store).
        built: Result<Box<ExecutedBlock>, BlockError>,
        /// The round it was built for.
        round: Round,
        /// Candidates that did not apply, and will not later.
        skipped: Vec<Skipped>,
        /// Evidence that nobody is punished for, now or later.
        refused: Vec<Hash>,
    },
    /// Of [`Work::ExecuteBlock`].
    Executed {
        /// The block it is about.
        hash: BlockHash,
        /// Its effects, or the rule it breaks.
        executed: Result<Box<ExecutedBlock>, BlockError>,
    },
    /// Of [`Work::CheckRange`].
    Range {
        /// The blocks that are right, in order.
        blocks: Vec<(ExecutedBlock, CommitCertificate)>,
        /// Why the next one is not.
        refused: Option<RangeError>,
    },
    /// Of [`Work::CompareChains`].
    Compared(Result<Compared, ForkError>),
    /// Of [`Work::ReadStanding`]; `None` if it cannot be read.
    Standing(Option<Standing>),
}

/// A header and its certificate.
pub type SignedHeader = (BlockHeader, CommitCertificate);

/// Why a neighbour's block cannot be compared: it lies.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// Not the encoding of a final block.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// No final block of this network and height.
    #[error(transparent)]
    Light(#[from] LightError),
}

/// A candidate that did not apply, and why.
pub type Skipped = (WireId, ApplyError);

/// Why a fetched block is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Not the encoding of a final block.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The certificate is of another block or height.
    #[error("the certificate is of another block")]
    OtherCertificate,
    /// The block builds on another one than the last here. It comes with its certificate where the
    /// validators of this chain signed it.
    #[error("the block names another parent than the last block here")]
    OtherParent(Option<Box<SignedHeader>>),
    /// The certificate proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The block is certified by its validators, and does not apply here.
    #[error("a certified block does not apply: {0}")]
    Certified(BlockError),
}

/// A transaction after its check.
pub struct CheckedTransaction {
    /// Which one.
    pub wire_id: WireId,
    /// The verified transaction with what it reads of the tip, or what is wrong.
    pub result: Result<(Arc<VerifiedTransaction>, ReadSet), CheckError>,
}

/// Why a transaction was not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Its bytes, form or signatures are wrong, in every state of the ledger.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The state cannot be read: the node must stop.
    #[error(transparent)]
    State(#[from] BlockError),
}

/// A block with its effects.
pub struct ExecutedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// The block.
    pub block: Block,
    /// Its encoding.
    pub raw: Arc<[u8]>,
    /// What it changes.
    pub executed: Executed,
}

/// Does the work. Shared by all threads of a shell.
pub struct Worker {
    scheme: Arc<dyn SignatureScheme>,
    genesis: Hash,
    memo: Mutex<Memo>,
}

impl Worker {
    /// Makes a worker for the network of `genesis`.
    pub fn new(scheme: Arc<dyn SignatureScheme>, genesis: Hash) -> Self {
        Self {
            scheme,
            genesis,
            memo: Mutex::new(Memo::new(MEMO_BYTES)),
        }
    }

    /// Gives the memo of verified transactions so much memory.
    #[must_use]
    pub fn with_memo(self, bytes: usize) -> Self {
        Self {
            memo: Mutex::new(Memo::new(bytes)),
            ..self
        }
    }

    /// Does one piece of work.
    pub fn run(&self, work: Work) -> WorkResult {
        match work {
            Work::CheckTransactions { batch, tip } => WorkResult::Transactions {
                height: tip.height,
                checked: self.check_each(&batch, &tip),
            },
            Work::RunQueues { queues, tip } => WorkResult::Queues(rerun(&tip, queues)),
            Work::BuildBlock { tip, inputs } => build_block(&tip, inputs),
            Work::ExecuteBlock {
                tip,
                hash,
                raw,
                verified_certificate,
            } => {
                let executed = self.execute(&tip, &raw, verified_certificate);
                WorkResult::Executed {
                    hash,
                    executed: executed.map(Box::new),
                }
            }
            Work::ReadStanding { key, tip } => WorkResult::Standing(standing(&key, &tip)),
            Work::CheckRange { tip, blocks } => self.check_range(tip, &blocks),
            Work::CompareChains { own, theirs } => {
                WorkResult::Compared(self.compare(&own, &theirs))
            }
        }
    }

    fn check_each(&self, batch: &[RawTransaction], tip: &Tip) -> Vec<CheckedTransaction> {
        let verified = self.verify_each(batch);
        let right = verified.iter().filter_map(|one| one.as_ref().ok());
        let right: Vec<_> = right.map(Arc::clone).collect();
        let reads = ReadSet::of_each(tip, &right);
        let failed = reads.as_ref().err().cloned();
        let mut reads = reads.unwrap_or_default().into_iter();
        let with_reads = |verified: Arc<VerifiedTransaction>| match (reads.next(), &failed) {
            (Some(reads), _) => Ok((verified, reads)),
            (None, Some(error)) => Err(CheckError::State(error.clone())),
            (None, None) => unreachable!("one is read for each that is right"),
        };
        let mut with_reads = with_reads;
        let each = batch.iter().zip(verified);
        each.map(|(raw, verified)| CheckedTransaction {
            wire_id: match &verified {
                Ok(verified) => verified.wire_id(),
                Err(_) => raw.wire_id(),
            },
            result: verified.map_err(CheckError::from).and_then(&mut with_reads),
        })
        .collect()
    }

    /// Verifies each of `batch`; what is not in the memo, together.
    fn verify_each(
        &self,
        batch: &[RawTransaction],
    ) -> Vec<Result<Arc<VerifiedTransaction>, TransactionError>> {
        let wire_ids = RawTransaction::wire_ids(batch);
        let known: Vec<_> = {
            let memo = self.memo();
            wire_ids.iter().map(|id| memo.get(id)).collect()
        };
        let unknown = batch
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(raw, _)| raw.clone()).collect();
        let scheme = self.scheme.as_ref();
        let mut checked = RawTransaction::verify_each(&unknown, scheme, &self.genesis).into_iter();
        let mut memo = self.memo();
        let verdict = |known: Option<_>| match known {
            Some(known) => Ok(known),
            None => {
                let verified = checked.next().expect("one result for each unknown one");
                verified.map(|verified| memo.insert(Arc::new(verified)))
            }
        };
        known.into_iter().map(verdict).collect()
    }

    /// Verifies the transactions of a block, and gives up at the first that is wrong.
    fn verify_all(&self, all: &[RawTransaction]) -> AllVerified<Arc<VerifiedTransaction>> {
        let mut verified = Vec::with_capacity(all.len());
        for batch in all.chunks(BATCH_MAX) {
            for result in self.verify_each(batch) {
                verified.push(result.map_err(|error| (verified.len(), error))?);
            }
        }
        Ok(verified)
    }

    fn execute(
        &self,
        tip: &Tip,
        raw: &[u8],
        verified_certificate: Option<Hash>,
    ) -> Result<ExecutedBlock, BlockError> {
        let block: Block = decode::<_, BLOCK_BYTES_MAX>(raw).map_err(BlockError::Malformed)?;
        self.execute_block(tip, block, verified_certificate)
    }

    fn execute_block(
        &self,
        tip: &Tip,
        block: Block,
        verified_certificate: Option<Hash>,
    ) -> Result<ExecutedBlock, BlockError> {
        let checks = Checks {
            scheme: self.scheme.as_ref(),
            transactions: &|all| self.verify_all(all),
            verified_certificate,
        };
        let executed = execute(tip, &block, &checks)?;
        Ok(ExecutedBlock::new(block, executed))
    }

    fn check_range(&self, mut tip: Tip, encoded: &[Arc<[u8]>]) -> WorkResult {
        let mut blocks = Vec::new();
        let mut verified = None;
        for raw in encoded {
            match self.check_final(&tip, raw, verified) {
                Ok((block, certificate)) => {
                    tip = tip.child(&block.executed, &block.block.header);
                    verified = Some(certificate.hash());
                    blocks.push((block, certificate));
                }
                Err(refused) => {
                    return WorkResult::Range {
                        blocks,
                        refused: Some(refused),
                    };
                }
            }
        }
        WorkResult::Range {
            blocks,
            refused: None,
        }
    }

    fn check_final(
        &self,
        tip: &Tip,
        raw: &[u8],
        verified: Option<Hash>,
    ) -> Result<(ExecutedBlock, CommitCertificate), RangeError> {
        let FinalBlock { block, certificate } = decode::<_, BLOCK_BYTES_MAX>(raw)?;
        if certificate.block != block.header.hash() || certificate.height != tip.height + 1 {
            return Err(RangeError::OtherCertificate);
        }
        let signed = certificate.verify(self.scheme.as_ref(), &self.genesis, &tip.validators);
        // Before block 1 there is nothing to part from: the genesis is the same for all.
        if block.header.parent != tip.hash && tip.height > 0 {
            let signed = signed
                .is_ok()
                .then(|| Box::new((block.header, certificate)));
            return Err(RangeError::OtherParent(signed));
        }
        signed?;
        let executed = self.execute_block(tip, block, verified);
        Ok((executed.map_err(RangeError::Certified)?, certificate))
    }

    fn compare(&self, own: &OwnBlock, theirs: &[u8]) -> Result<Compared, ForkError> {
        let FinalBlock { block, certificate } = decode::<_, BLOCK_BYTES_MAX>(theirs)?;
        let theirs = (block.header, certificate);
        Ok(own.compare(self.scheme.as_ref(), &self.genesis, theirs)?)
    }

    fn memo(&self) -> std::sync::MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The candidates that will not apply later either.
///
/// One that is too old for our clock stays until the chain's time says so: another proposer, whose
/// clock is behind ours, may still take it.
fn hopeless(skipped: Vec<Skipped>) -> Vec<Skipped> {
    let may_pass =
        |error: &ApplyError| error.may_pass() || matches!(error, ApplyError::Expired { .. });
    let hopeless = skipped.into_iter().filter(|(_, error)| !may_pass(error));
    hopeless.collect()
}

/// The evidence that will not be punishable later either.
fn unpunishable(refused: &[(Hash, EvidenceRefusal)]) -> Vec<Hash> {
    let for_good = refused.iter().filter(|(_, why)| !why.may_pass());
    for_good.map(|(evidence, _)| *evidence).collect()
}

fn build_block(tip: &Tip, inputs: BlockInputs) -> WorkResult {
    let BlockInputs {
        round,
        clock_ms,
        candidates,
        evidence,
        parent_certificate,
        limits,
    } = inputs;
    let plan = BlockPlan {
        round,
        clock_ms,
        candidates: &candidates,
        evidence: &evidence,
        parent_certificate,
        limits,
    };
    match build(tip, plan) {
        Ok(built) => WorkResult::Built {
            refused: unpunishable(&built.refused_evidence),
            skipped: hopeless(built.skipped),
            built: Ok(Box::new(ExecutedBlock::new(built.block, built.executed))),
            round,
        },
        Err(error) => WorkResult::Built {
            built: Err(error),
            round,
            skipped: Vec::new(),
            refused: Vec::new(),
        },
    }
}

impl ExecutedBlock {
    fn new(block: Block, executed: Executed) -> Self {
        Self {
            hash: executed.header_hash,
            raw: encode(&block).into(),
            block,
            executed,
        }
    }

    /// Returns the ids of its transactions, in order.
    pub fn transaction_ids(&self) -> Arc<[TransactionId]> {
        self.executed
            .transactions
            .iter()
            .map(|applied| applied.id)
            .collect()
    }
}

/// Reads what the ledger says of a validator's key. A stake whose key is another one by now says
/// nothing of this one.
fn standing(key: &PublicKey, tip: &Tip) -> Option<Standing> {
    let entry = tip.state.get(&StateKey::consensus_key(key)).ok()?;
    let Some(entry) = entry.and_then(|bytes| ConsensusKey::from_bytes(&bytes).ok()) else {
        return Some(Standing::default());
    };
    let stake = tip.state.get(&StateKey::stake(&entry.account)).ok()?;
    let stake = stake.and_then(|bytes| Stake::from_bytes(&bytes).ok());
    let own = stake.filter(|stake| stake.consensus_key == *key);
    Some(Standing {
        excluded: entry.excluded,
        jailed: own.is_some_and(|stake| stake.status == StakeStatus::SittingOut),
    })
}
