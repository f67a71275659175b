//! Receipts: one file that proves one fact to whoever has the genesis, without any node.
//!
//! # Format
//! A receipt is a file as [`file`](super::FileError) describes: the magic `STARRCPT`, version 1
//! (four bytes), the content, and the checksum (BLAKE3 in key-derivation mode, context `starling v1
//! file`, over all bytes before). The content is one value in the one encoding of
//! [`codec`](crate::codec): integers of fixed width, little-endian; a list is its length in eight
//! bytes and its items; an option is a byte 0, or 1 and the value; a choice is its number in four
//! bytes and its fields.
//!
//! | field | type |
//! |---|---|
//! | genesis | hash of the genesis, 32 bytes |
//! | anchor | choice: 0 genesis, without fields · 1 checkpoint: header, next validators |
//! | steps | list of steps, in ascending height |
//! | subject | choice, see below |
//!
//! | step | type |
//! |---|---|
//! | header | `BlockHeader` |
//! | certificate | `CommitCertificate` |
//! | validators | option of a `ValidatorSet` |
//! | next validators | option of a `ValidatorSet` |
//!
//! | subject | fields |
//! |---|---|
//! | 0 account | account, `StateProof` |
//! | 1 record | sender, digest, `StateProof` |
//! | 2 validator | account, `StateProof` of its stake |
//! | 3 transaction | `RawTransaction`, `ListProof` |
//! | 4 history | `RawTransaction`, `StateProof` of its sender's account, hash before, list of ids |
//!
//! The types named stand in `tests/vectors/golden` with their bytes.
//!
//! # Meaning
//! The steps are followed from the anchor as the module above says. The last header they lead to
//! (or the checkpoint's own, where there are none) is what the subject is proven against. Whether a
//! thing is present or absent is not claimed in the file: the proof shows it. A receipt that begins
//! at a checkpoint proves nothing to whoever does not have that checkpoint from somebody else.
//!
//! A checkpoint that is given to the verifier also helps a receipt that begins at the genesis and
//! has grown old: where a step is that very block, no trust period counts up to it.
//!
//! # Limits
//! At most [`RECEIPT_BYTES_MAX`] and [`STEPS_MAX`] steps: checking the worst takes seconds.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::file::{self, FileError, Kind};
use super::{
    Checkpoint, HistoryProof, LightError, LightStep, Past, Trusted, verify_account, verify_history,
    verify_record, verify_stake, verify_transaction,
};
use crate::account::Account;
use crate::address::AccountId;
use crate::block::BlockHeader;
use crate::codec::list;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::merkle::ListProof;
use crate::record::Record;
use crate::staking::Stake;
use crate::state::StateProof;
use crate::transaction::{RawTransaction, VerifiedTransaction};
use crate::validators::{ValidatorSet, VotingPower};

/// Most bytes of a receipt. Our choice: fifty steps between sets of a thousand validators.
pub const RECEIPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most steps of a receipt. Our choice; a chain that needs more begins at a checkpoint.
pub const STEPS_MAX: usize = 1_000;

const KIND: Kind = Kind {
    magic: *b"STARRCPT",
    version: 1,
};

/// The proof of one fact.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Receipt {
    /// The network.
    pub genesis: Hash,
    /// Where the steps begin.
    pub anchor: Anchor,
    /// What leads to the header that the subject is proven against.
    pub steps: Vec<LightStep>,
    /// What is proven.
    pub subject: Subject,
}

/// Where the steps of a receipt begin.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Anchor {
    /// At the genesis.
    Genesis,
    /// At a block that the reader has to know.
    Checkpoint {
        /// Its header.
        header: Box<BlockHeader>,
        /// The validators after it.
        next_validators: ValidatorSet,
    },
}

/// What a receipt is about, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Subject {
    /// An account, or that there is none.
    Account {
        /// The account.
        account: AccountId,
        /// The proof of its entry.
        proof: StateProof,
    },
    /// A record, or that there is none.
    Record {
        /// Whose it is.
        sender: AccountId,
        /// What was notarized.
        digest: Hash,
        /// The proof of its entry.
        proof: StateProof,
    },
    /// A validator: its stake, and its power at the next block, or that it has none.
    Validator {
        /// The account.
        account: AccountId,
        /// The proof of its stake.
        proof: StateProof,
    },
    /// A transaction in the block itself.
    Transaction {
        /// The transaction.
        raw: RawTransaction,
        /// The proof of its place.
        proof: ListProof,
    },
    /// What became of a transaction up to this block.
    History {
        /// The transaction.
        raw: RawTransaction,
        /// The proof by its sender's history.
        proof: HistoryProof,
    },
}

/// With what a receipt is judged.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    /// The scheme of the network.
    pub scheme: &'a dyn SignatureScheme,
    /// The network.
    pub genesis: &'a Genesis,
    /// A block that the reader knows from somebody else.
    pub checkpoint: Option<Checkpoint>,
    /// Now, milliseconds since 1970.
    pub now_ms: u64,
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// What it rests on.
    pub start: Start,
    /// The block as of which it holds, and the validators after it.
    pub point: Trusted,
    /// What holds.
    pub fact: Fact,
}

/// What a proof rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The genesis alone.
    Genesis,
    /// A block that the reader vouches for.
    Checkpoint(Checkpoint),
}

/// A fact, as of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The entry of an account.
    Account {
        /// The account.
        account: AccountId,
        /// `None`: there is none.
        entry: Option<Account>,
    },
    /// The entry of a record.
    Record {
        /// Whose it is.
        sender: AccountId,
        /// What was notarized.
        digest: Hash,
        /// `None`: there is none.
        entry: Option<Record>,
    },
    /// A validator.
    Validator {
        /// The account.
        account: AccountId,
        /// Its stake; `None`: it has none.
        stake: Option<Stake>,
        /// Its power at the next block; `None`: it does not sign it.
        power: Option<VotingPower>,
    },
    /// A transaction that is part of the block.
    Transaction {
        /// The transaction.
        transaction: VerifiedTransaction,
        /// Its position.
        index: u32,
    },
    /// What became of a transaction up to this block.
    History {
        /// The transaction.
        transaction: VerifiedTransaction,
        /// What became of it.
        past: Past,
    },
}

impl Receipt {
    /// Writes the receipt as the content of a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::seal(KIND, self)
    }

    /// Reads a receipt. What it proves, only [`Receipt::verify`] says.
    ///
    /// # Errors
    /// [`FileError`] if the bytes are no receipt, or a damaged one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        file::open::<Self, RECEIPT_BYTES_MAX>(KIND, bytes)
    }

    /// Says what the receipt proves to whoever knows what `judge` holds.
    ///
    /// # Errors
    /// [`LightError`] names the first broken rule.
    pub fn verify(&self, judge: &Judge<'_>) -> Result<Proven, LightError> {
        let (expected, found) = (judge.genesis.hash(), self.genesis);
        if expected != found {
            return Err(LightError::Network { expected, found });
        }
        let (start, point) = self.follow(judge)?;
        let header = point.header().ok_or(LightError::Steps { count: 0 })?;
        let fact = self.subject.verify(judge, header, &point)?;
        Ok(Proven { start, point, fact })
    }

    /// Follows the steps to the last header.
    fn follow(&self, judge: &Judge<'_>) -> Result<(Start, Trusted), LightError> {
        let count = self.steps.len();
        if count > STEPS_MAX {
            return Err(LightError::Steps { count });
        }
        let (mut start, mut point) = self.begin(judge)?;
        let known = match start {
            Start::Checkpoint(_) => None,
            Start::Genesis => self.position_of(judge.checkpoint)?,
        };
        for (index, step) in self.steps.iter().enumerate() {
            let (trusted, found) = (point.height(), step.header.height);
            if found <= trusted {
                return Err(LightError::Behind { trusted, found });
            }
            let vouched = known.is_some_and(|known| index <= known);
            let now_ms = (!vouched).then_some(judge.now_ms);
            point = point.follow(judge.scheme, step, now_ms)?;
        }
        if let (Some(_), Some(checkpoint)) = (known, judge.checkpoint) {
            start = Start::Checkpoint(checkpoint);
        }
        Ok((start, point))
    }

    fn begin(&self, judge: &Judge<'_>) -> Result<(Start, Trusted), LightError> {
        let Anchor::Checkpoint {
            header,
            next_validators,
        } = &self.anchor
        else {
            return Ok((Start::Genesis, Trusted::genesis(judge.genesis)?));
        };
        let named = Checkpoint::of(header);
        let given = judge
            .checkpoint
            .ok_or(LightError::CheckpointNeeded { named })?;
        let (header, next) = (BlockHeader::clone(header), next_validators.clone());
        let point = Trusted::checkpoint(judge.genesis, given, header, next)?;
        Ok((Start::Checkpoint(given), point))
    }

    /// Finds the step that is the checkpoint's block.
    fn position_of(&self, given: Option<Checkpoint>) -> Result<Option<usize>, LightError> {
        let Some(given) = given else {
            return Ok(None);
        };
        let mut steps = self.steps.iter();
        let Some(index) = steps.position(|step| step.header.height == given.height) else {
            return Ok(None);
        };
        let found = self.steps.get(index).map(|step| step.header.hash());
        match found {
            Some(found) if found != given.hash => Err(LightError::Checkpoint { given, found }),
            _ => Ok(Some(index)),
        }
    }
}

impl Subject {
    fn verify(
        &self,
        judge: &Judge<'_>,
        header: &BlockHeader,
        point: &Trusted,
    ) -> Result<Fact, LightError> {
        let network = point.network();
        Ok(match self {
            Self::Account { account, proof } => Fact::Account {
                account: *account,
                entry: verify_account(header, proof, account)?,
            },
            Self::Record {
                sender,
                digest,
                proof,
            } => Fact::Record {
                sender: *sender,
                digest: *digest,
                entry: verify_record(header, proof, sender, digest)?,
            },
            Self::Validator { account, proof } => {
                let mut members = point.next_validators().members().iter();
                let member = members.find(|member| member.account == *account);
                Fact::Validator {
                    account: *account,
                    stake: verify_stake(header, proof, account)?,
                    power: member.map(|member| member.power),
                }
            }
            Self::Transaction { raw, proof } => {
                let transaction = raw.verify(judge.scheme, &network)?;
                verify_transaction(header, proof, &transaction.wire_id())?;
                let index = proof.index;
                Fact::Transaction { transaction, index }
            }
            Self::History { raw, proof } => {
                let transaction = raw.verify(judge.scheme, &network)?;
                let past = verify_history(header, proof, &transaction)?;
                Fact::History { transaction, past }
            }
        })
    }
}

impl<C> Decode<C> for Receipt {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            genesis: Decode::decode(decoder)?,
            anchor: Decode::decode(decoder)?,
            steps: list(decoder, STEPS_MAX, "steps")?,
            subject: Decode::decode(decoder)?,
        })
    }
}

bincode::impl_borrow_decode!(Receipt);
