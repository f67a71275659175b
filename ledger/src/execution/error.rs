//! Why a transaction does not apply, and why a block is refused.

use crate::account::Account;
use crate::block::BlockHash;
use crate::certificate::CertificateError;
use crate::codec::CodecError;
use crate::evidence::EvidenceError;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::state::StateError;
use crate::transaction::{Amount, Nonce, TransactionError};
use crate::vote::{Height, Round};

/// Why a transaction whose form and signatures are right does not apply to a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The block is later than the transaction allows.
    #[error("expired: valid up to {expires_at_ms} ms, the block is of {time_ms} ms")]
    Expired {
        /// The last block time it allows.
        expires_at_ms: u64,
        /// The block time.
        time_ms: u64,
    },
    /// The sender has no account, so it holds nothing.
    #[error("the sender has no account: nothing was ever sent to it")]
    UnknownSender,
    /// The authority is not the account's current one.
    #[error("the authority is not the one this account has")]
    Authority,
    /// Another nonce is due.
    #[error("nonce {found}, the account's next is {expected}")]
    Nonce {
        /// The account's next.
        expected: Nonce,
        /// The transaction's.
        found: Nonce,
    },
    /// The account has used all its nonces.
    #[error("the account has used its last nonce")]
    NonceExhausted,
    /// The account holds too little.
    #[error("the account holds {balance} base units, {needed} base units are needed")]
    Funds {
        /// What it holds when the amount is due.
        balance: Amount,
        /// What is due.
        needed: u128,
    },
    /// The fee offered is too low.
    #[error("a fee of {offered} base units, {required} base units are required")]
    Fee {
        /// What was offered.
        offered: Amount,
        /// What is burned for it.
        required: Amount,
    },
    /// A transfer of nothing.
    #[error("a transfer of nothing")]
    ZeroAmount,
    /// The sender has notarized this digest before.
    #[error("the sender has a record of {digest} already")]
    RecordExists {
        /// The digest.
        digest: Hash,
    },
    /// The account has nothing bonded and nothing being released.
    #[error("the account has no stake")]
    NoStake,
    /// Less is bonded than is to be released.
    #[error("{bonded} base units are bonded, {needed} base units are to be released")]
    Stake {
        /// What is bonded.
        bonded: Amount,
        /// What is to be released.
        needed: Amount,
    },
    /// Too little would be bonded for a validator.
    #[error("{bonded} base units would be bonded, at least {bond_min} base units are needed")]
    BondMin {
        /// What would be bonded.
        bonded: Amount,
        /// The network's least stake.
        bond_min: Amount,
    },
    /// As many releases are under way as there may be.
    #[error("as many releases are under way as there may be")]
    ReleasesFull,
    /// Another account named this consensus key first.
    #[error("the consensus key {key} belongs to another account")]
    KeyTaken {
        /// The key.
        key: PublicKey,
    },
    /// The consensus key signed two values for one step.
    #[error("the consensus key {key} is excluded for good")]
    KeyExcluded {
        /// The key.
        key: PublicKey,
    },
    /// The list of candidates is full of larger stakes.
    #[error("{bonded} base units are bonded, the last of the candidates has {least} base units")]
    CandidatesFull {
        /// What the account has bonded.
        bonded: Amount,
        /// What the last candidate has bonded.
        least: Amount,
    },
    /// The account does not sit out.
    #[error("the account does not sit out, so it cannot return")]
    NotSittingOut,
    /// A sum leaves 64 bits, which the limit of the supply should make impossible.
    #[error("a sum is too large to be counted")]
    SupplyOverflow,
}

impl ApplyError {
    /// Says whether the same transaction may apply after other blocks: when its sender has funds or
    /// a stake, an earlier nonce was used, a receiver or an authority is there.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Nonce { expected, found } => *found > *expected,
            Self::UnknownSender
            | Self::Authority
            | Self::Funds { .. }
            | Self::Fee { .. }
            | Self::NoStake
            | Self::Stake { .. }
            | Self::BondMin { .. }
            | Self::ReleasesFull
            | Self::CandidatesFull { .. }
            | Self::NotSittingOut => true,
            Self::Expired { .. }
            | Self::NonceExhausted
            | Self::ZeroAmount
            | Self::RecordExists { .. }
            | Self::KeyTaken { .. }
            | Self::KeyExcluded { .. }
            | Self::SupplyOverflow => false,
        }
    }

    /// Returns a stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::UnknownSender => "unknown_sender",
            Self::Authority => "authority",
            Self::Nonce { .. } => "nonce",
            Self::NonceExhausted => "nonce_exhausted",
            Self::Funds { .. } => "funds",
            Self::Fee { .. } => "fee",
            Self::ZeroAmount => "zero_amount",
            Self::RecordExists { .. } => "record_exists",
            Self::NoStake => "no_stake",
            Self::Stake { .. } => "stake",
            Self::BondMin { .. } => "bond_min",
            Self::ReleasesFull => "releases_full",
            Self::KeyTaken { .. } => "key_taken",
            Self::KeyExcluded { .. } => "key_excluded",
            Self::CandidatesFull { .. } => "candidates_full",
            Self::NotSittingOut => "not_sitting_out",
            Self::SupplyOverflow => "supply_overflow",
        }
    }

    /// Returns the refusal of an amount that `account` does not hold.
    pub(super) const fn funds(account: &Account, needed: u128) -> Self {
        Self::Funds {
            balance: account.balance,
            needed,
        }
    }
}

/// Why nobody is punished for evidence whose form and signatures are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceRefusal {
    /// No account ever named this key.
    #[error("the key was never a validator's")]
    UnknownKey,
    /// The key was excluded before, for this offence or another.
    #[error("the key was punished before")]
    Punished,
    /// The key did not count at the height of the offence.
    #[error("the key did not count at height {height}")]
    Inactive {
        /// The height of the offence.
        height: Height,
    },
    /// The offence is of a height that is not reached yet.
    #[error("the offence is of height {height}, after this block's")]
    Future {
        /// The height of the offence.
        height: Height,
    },
    /// The epoch of the offence ended too long ago.
    #[error("the epoch of the offence ended too long ago")]
    TooOld,
}

impl EvidenceRefusal {
    /// Says whether the same evidence may be punishable in a later block.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Future { .. })
    }
}

/// Why a block is not a valid child of its parent. Each rule has its own variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Rules that are not in force.
    #[error("block version {found}, version {expected} is in force")]
    Version {
        /// What is in force.
        expected: u32,
        /// What the header names.
        found: u32,
    },
    /// The proposer claims to be ready for rules older than those in force.
    #[error("upgrade signal {found} is below the version {version} in force")]
    UpgradeSignal {
        /// What is in force.
        version: u32,
        /// What the header names.
        found: u32,
    },
    /// A block of another network.
    #[error("a block of the network {found}, this is {expected}")]
    Genesis {
        /// This network.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// Not the height after the parent's.
    #[error("height {found}, expected {expected}")]
    Height {
        /// The height that is due.
        expected: Height,
        /// What the header names.
        found: Height,
    },
    /// The chain has used its last height.
    #[error("no height is left")]
    HeightExhausted,
    /// Another parent.
    #[error("parent {found}, expected {expected}")]
    Parent {
        /// The block before.
        expected: BlockHash,
        /// What the header names.
        found: BlockHash,
    },
    /// Not later than the parent.
    #[error("time {found_ms} ms is not after the parent's {parent_ms} ms")]
    Time {
        /// The parent's time.
        parent_ms: u64,
        /// What the header names.
        found_ms: u64,
    },
    /// Not the one whose turn it was.
    #[error("the proposer is not the one whose turn round {round} is")]
    Proposer {
        /// The round the header names.
        round: Round,
    },
    /// Another validator set.
    #[error("validators {found}, expected {expected}")]
    Validators {
        /// Hash of the set that signs this block.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// Another next validator set.
    #[error("next validators {found}, expected {expected}")]
    NextValidators {
        /// Hash of the set that signs the next block.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// The header counts other transactions than the block holds.
    #[error("the header counts {header} transactions, the block holds {found}")]
    TransactionCount {
        /// What the header names.
        header: u32,
        /// What is there.
        found: usize,
    },
    /// Too many transactions.
    #[error("{found} transactions, at most {max} are allowed")]
    TooManyTransactions {
        /// What is there.
        found: usize,
        /// The network's limit.
        max: u32,
    },
    /// Too many bytes.
    #[error("{found} bytes of transactions, at most {max} are allowed")]
    TooManyBytes {
        /// What is there.
        found: usize,
        /// The network's limit.
        max: u32,
    },
    /// The header commits to other transactions.
    #[error("transaction root {header}, the block's is {found}")]
    TransactionRoot {
        /// What the header names.
        header: Hash,
        /// The root over what is there.
        found: Hash,
    },
    /// The header counts other evidence than the block holds.
    #[error("the header counts {header} pieces of evidence, the block holds {found}")]
    EvidenceCount {
        /// What the header names.
        header: u32,
        /// What is there.
        found: usize,
    },
    /// Too much evidence.
    #[error("{found} pieces of evidence, at most {max} are allowed")]
    TooMuchEvidence {
        /// What is there.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The header commits to other evidence.
    #[error("evidence root {header}, the block's is {found}")]
    EvidenceRoot {
        /// What the header names.
        header: Hash,
        /// The root over what is there.
        found: Hash,
    },
    /// Evidence is not in strictly ascending order of its hashes.
    #[error("evidence is not in strictly ascending order of its hashes")]
    EvidenceOrder,
    /// Evidence that proves nothing.
    #[error("evidence {index}: {error}")]
    Evidence {
        /// Its position.
        index: usize,
        /// What is wrong with it.
        error: EvidenceError,
    },
    /// Evidence that proves an offence, and that nobody is punished for.
    #[error("evidence {index}: {error}")]
    EvidenceRefused {
        /// Its position.
        index: usize,
        /// Why it is not.
        error: EvidenceRefusal,
    },
    /// The parent's certificate is missing, or block 1 has one.
    #[error("the certificate of the parent is {}", if *expected { "missing" } else { "there, \
        though the genesis has none" })]
    CertificatePresence {
        /// Whether there has to be one.
        expected: bool,
    },
    /// The header commits to another certificate.
    #[error("certificate hash {header}, the block's is {found}")]
    CertificateHash {
        /// What the header names.
        header: Hash,
        /// The hash of what is there.
        found: Hash,
    },
    /// A certificate of another block than the parent.
    #[error("the certificate is of block {found} at height {height}, not of the parent")]
    CertificateBlock {
        /// The block it names.
        found: BlockHash,
        /// The height it names.
        height: Height,
    },
    /// A certificate of a round before the parent was made.
    #[error("the certificate is of round {found}, the parent was made in round {made}")]
    CertificateRound {
        /// The round of the precommits.
        found: Round,
        /// The round the parent names.
        made: Round,
    },
    /// A certificate that proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A malformed or unauthorized transaction.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Its position.
        index: usize,
        /// What is wrong with it.
        error: TransactionError,
    },
    /// A transaction that does not apply.
    #[error("transaction {index}: {error}")]
    Apply {
        /// Its position.
        index: usize,
        /// Why it does not.
        error: ApplyError,
    },
    /// The header commits to another state.
    #[error("state root {found}, this block leads to {expected}")]
    StateRoot {
        /// The root after executing the block.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// Not the encoding of a block.
    #[error("block {0}")]
    Malformed(CodecError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// An entry of the state is not what was written.
    #[error("an entry of the state is {0}")]
    Entry(#[from] CodecError),
    /// An entry that the others say there is, is not there.
    #[error("the state holds no {entry} where there has to be one")]
    Missing {
        /// Its kind.
        entry: &'static str,
    },
}

impl BlockError {
    /// Says whether every node finds the same: then the block is bad. Otherwise this node cannot
    /// read its own data, and has to stop.
    pub const fn is_deterministic(&self) -> bool {
        !matches!(self, Self::State(_) | Self::Entry(_) | Self::Missing { .. })
    }
}
