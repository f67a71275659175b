//! The consensus log (write-ahead log): what the engine was fed at the heights not yet behind us.
//!
//! After a crash the engine of the same height is fed the same inputs, comes to the same state, and
//! derives the same messages. The log also keeps the bodies of the blocks it was told are valid: a
//! validator votes only for what it can still produce after a power cut, else all of them together
//! could commit to a block that nobody has any more.
//!
//! These are pure functions over bytes. The shell appends what [`encode`] returns, syncs, and
//! reports; at start it reads the file, cuts it to [`Log::good_bytes`], and now and then rewrites
//! it with
//! [`retain`] (to a new file, synced and renamed over the old one).

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use starling_gossip::message::PolkaCertificate;
use starling_ledger::block::{BLOCK_BYTES_MAX, BlockHash};
use starling_ledger::codec;
use starling_ledger::vote::{Height, Round, SignedProposal, SignedVote};

use super::engine::{Input, TimeoutStep};
use super::frame::{self, FrameError, MAX_PAYLOAD_BYTES};

/// The number of records that a batch begins with.
const BATCH_HEADER_BYTES: usize = 8;
/// Most records of a batch. Our choice: 16 MB of memory at most, and far more than one step makes.
const MAX_BATCH_RECORDS: usize = 65_536;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LogRecord {
    /// The height it belongs to.
    pub height: Height,
    /// What happened.
    pub entry: LogEntry,
}

/// What one write appends.
struct Batch(Vec<LogRecord>);

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum LogEntry {
    /// A vote, own or not.
    Vote(SignedVote),
    /// A proposal, own or not.
    Proposal(SignedProposal),
    /// A proposed block was executed.
    Value {
        /// The round of a proposal for it.
        round: Round,
        /// The block.
        block: BlockHash,
        /// Whether it keeps every rule.
        valid: bool,
    },
    /// A timeout has passed.
    Timeout {
        /// What was waited for.
        step: TimeoutStep,
        /// The round.
        round: Round,
    },
    /// Prevotes of more than two thirds.
    Polka(PolkaCertificate),
    /// The body of a block that a record of the same write calls valid.
    Body {
        /// The block.
        block: BlockHash,
        /// Its encoding.
        raw: Vec<u8>,
    },
}

/// What a log file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The records in the order they were written.
    pub records: Vec<LogRecord>,
    /// Where the good part of the file ends; what follows was torn by a crash and is cut off.
    pub good_bytes: usize,
}

impl LogEntry {
    /// Turns an engine's input into what is logged; `None` for what is never logged.
    pub(super) fn from_input(input: &Input) -> Option<Self> {
        Some(match input {
            Input::Vote(vote) => Self::Vote(*vote),
            Input::Proposal(proposal) => Self::Proposal(*proposal),
            Input::Value {
                round,
                block,
                valid,
            } => Self::Value {
                round: *round,
                block: *block,
                valid: *valid,
            },
            Input::Timeout(step, round) => Self::Timeout {
                step: *step,
                round: *round,
            },
            Input::Polka(polka) => Self::Polka(polka.clone()),
            Input::Built { .. } | Input::RoundSkip(_) => return None,
        })
    }

    /// Turns what was logged into the engine's input; `None` for bodies, which are the core's.
    pub(super) fn to_input(&self) -> Option<Input> {
        Some(match self {
            Self::Vote(vote) => Input::Vote(*vote),
            Self::Proposal(proposal) => Input::Proposal(*proposal),
            Self::Value {
                round,
                block,
                valid,
            } => Input::Value {
                round: *round,
                block: *block,
                valid: *valid,
            },
            Self::Timeout { step, round } => Input::Timeout(*step, *round),
            Self::Polka(polka) => Input::Polka(polka.clone()),
            Self::Body { .. } => return None,
        })
    }
}

impl<C> Decode<C> for Batch {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        codec::list(decoder, MAX_BATCH_RECORDS, "records").map(Self)
    }
}

impl<C> Decode<C> for LogEntry {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Vote(Decode::decode(decoder)?),
            1 => Self::Proposal(Decode::decode(decoder)?),
            2 => Self::Value {
                round: Decode::decode(decoder)?,
                block: Decode::decode(decoder)?,
                valid: Decode::decode(decoder)?,
            },
            3 => Self::Timeout {
                step: Decode::decode(decoder)?,
                round: Decode::decode(decoder)?,
            },
            4 => Self::Polka(Decode::decode(decoder)?),
            5 => Self::Body {
                block: Decode::decode(decoder)?,
                raw: codec::bytes(decoder, BLOCK_BYTES_MAX, "block")?,
            },
            _ => {
                return Err(DecodeError::Other(
                    "a record that this release does not know",
                ));
            }
        })
    }
}

bincode::impl_borrow_decode!(LogEntry);

/// Returns the bytes that one write appends: the records of a `Persist` in one frame.
///
/// Only bodies of more than [`MAX_PAYLOAD_BYTES`] together, or more records than any step makes,
/// need several.
pub fn encode(records: &[LogRecord]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut batch: Vec<&LogRecord> = Vec::new();
    let mut batch_bytes = BATCH_HEADER_BYTES;
    for record in records {
        let record_bytes = codec::encode(record).len();
        let full = batch.len() == MAX_BATCH_RECORDS;
        if full || (!batch.is_empty() && batch_bytes + record_bytes > MAX_PAYLOAD_BYTES) {
            frame::append(&mut bytes, &codec::encode(&batch));
            batch.clear();
            batch_bytes = BATCH_HEADER_BYTES;
        }
        batch.push(record);
        batch_bytes += record_bytes;
    }
    if !batch.is_empty() {
        frame::append(&mut bytes, &codec::encode(&batch));
    }
    bytes
}

/// Reads a log file.
///
/// # Errors
/// [`FrameError`] if it is damaged before its end.
pub fn decode(bytes: &[u8]) -> Result<Log, FrameError> {
    let frames = frame::read(bytes)?;
    let mut records = Vec::new();
    for (offset, payload) in frames.payloads {
        let batch = codec::decode::<Batch, MAX_PAYLOAD_BYTES>(payload);
        let Batch(batch) = batch.map_err(|error| FrameError::Content {
            offset,
            reason: error.to_string(),
        })?;
        records.extend(batch);
    }
    Ok(Log {
        records,
        good_bytes: frames.good_bytes,
    })
}

/// Returns the content of a log file without what belongs to heights below `from`.
///
/// # Errors
/// [`FrameError`] if `bytes` is damaged before its end.
pub fn retain(bytes: &[u8], from: Height) -> Result<Vec<u8>, FrameError> {
    let mut log = decode(bytes)?;
    log.records.retain(|record| record.height >= from);
    let mut kept = Vec::new();
    for record in log.records {
        kept.extend_from_slice(&encode(&[record]));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::hash::Hash;

    fn timeout(height: Height) -> LogRecord {
        let step = TimeoutStep::Propose;
        LogRecord {
            height,
            entry: LogEntry::Timeout { step, round: 3 },
        }
    }

    fn body(height: Height) -> LogRecord {
        let block = BlockHash(Hash([7; 32]));
        LogRecord {
            height,
            entry: LogEntry::Body {
                block,
                raw: vec![1, 2, 3],
            },
        }
    }

    #[test]
    fn reads_back_what_it_writes() {
        let bytes = encode(&[timeout(1), body(1)]);
        let log = decode(&bytes).unwrap();
        assert_eq!(log.records, [timeout(1), body(1)]);
        assert_eq!(log.good_bytes, bytes.len());
    }

    #[test]
    fn the_most_records_and_the_largest_body_are_read_back() {
        let mut records = vec![timeout(1); MAX_BATCH_RECORDS + 1];
        records.push(LogRecord {
            height: 1,
            entry: LogEntry::Body {
                block: BlockHash(Hash([7; 32])),
                raw: vec![7; BLOCK_BYTES_MAX],
            },
        });
        assert_eq!(decode(&encode(&records)).unwrap().records, records);
    }

    #[test]
    fn retain_drops_heights_gone_by_and_a_torn_tail() {
        let mut bytes = encode(&[timeout(1)]);
        bytes.extend(encode(&[timeout(2), body(2)]));
        bytes.extend_from_slice(&encode(&[timeout(2)])[..9]);
        let log = decode(&retain(&bytes, 2).unwrap()).unwrap();
        assert_eq!(log.records, [timeout(2), body(2)]);
    }

    #[test]
    fn refuses_damage_in_the_middle() {
        let mut bytes = encode(&[timeout(1)]);
        bytes.extend(encode(&[timeout(2)]));
        bytes[20] ^= 0x40;
        assert_eq!(decode(&bytes), Err(FrameError::Damaged { offset: 0 }));
    }
}
