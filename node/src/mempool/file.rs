//! The files that bring waiting transactions over a restart, as bytes.
//!
//! There are two. `submissions.log` holds what this node's own users submitted: each is appended
//! and synced before its sender is told that it is accepted ([`Journal`](super::Journal) says when
//! it is rewritten). `mempool.dat` holds all that waited at a clean stop. Both are checksummed
//! frames ([`frame`]): a header with version and network, then transactions in the order in which
//! they entered.
//!
//! Neither is the ledger. What is read from them is checked again like a fresh submission, so a
//! damaged or forged file can lose transactions or make work, and nothing else. Therefore damage is
//! passed by, and said in words; it never keeps a node from starting.
//!
//! # Limits
//! A frame holds at most [`FRAME_BYTES_MAX`]. A file is read up to [`FILE_BYTES_MAX`].

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use starling_ledger::codec;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{RawTransaction, TRANSACTION_BYTES_MAX};

use crate::consensus::frame;

/// Most bytes of a frame's payload. Our choice: four of the largest transactions, so that damage
/// costs a few hundred small ones at the most.
pub const FRAME_BYTES_MAX: usize = 4 * TRANSACTION_BYTES_MAX;
/// Most bytes of a file that are read; what is behind them is left out. Our choice: twice a full
/// mempool of 64 MiB, which is as large as either file ever becomes.
pub const FILE_BYTES_MAX: usize = 144 << 20;
/// What this version writes, and the only one it reads.
const VERSION: u32 = 1;
/// What a list of transactions begins with: its tag and its length.
const LIST_HEADER_BYTES: usize = 12;
/// What a transaction begins with: its length.
const ENTRY_HEADER_BYTES: usize = 8;
/// Most transactions of a frame: as many as its bytes let be, were each nothing but its length.
const FRAME_TRANSACTIONS_MAX: usize = FRAME_BYTES_MAX / ENTRY_HEADER_BYTES;

/// What a frame holds. The header comes first and keeps its form in every version.
#[derive(Encode)]
enum Record {
    Header { version: u32, genesis: Hash },
    Transactions(Vec<RawTransaction>),
}

impl<C> Decode<C> for Record {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Header {
                version: Decode::decode(decoder)?,
                genesis: Decode::decode(decoder)?,
            },
            1 => {
                let max = FRAME_TRANSACTIONS_MAX;
                Self::Transactions(codec::list(decoder, max, "transactions")?)
            }
            _ => return Err(DecodeError::Other("a record of another version")),
        })
    }
}

/// What could be read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The transactions, unchecked, in the order in which they were written.
    pub transactions: Vec<RawTransaction>,
    /// In how many places something was not readable.
    pub damaged: usize,
    /// Where the readable part ends; what follows was torn by a crash and is cut off.
    pub good_bytes: usize,
}

/// Why nothing of a file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Foreign {
    /// It is of another network.
    #[error("it belongs to the network of genesis {found}")]
    Network {
        /// The network's genesis.
        found: Hash,
    },
    /// Another version wrote it.
    #[error("it has version {found}, and this node reads version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
}

/// Returns what a file of the network `genesis` begins with.
pub fn header(genesis: Hash) -> Vec<u8> {
    let version = VERSION;
    framed(&Record::Header { version, genesis })
}

/// Returns the bytes that append `transactions`, as many to a frame as it holds. One that is larger
/// than any transaction is left out.
pub fn encode<'a>(transactions: impl IntoIterator<Item = &'a RawTransaction>) -> Vec<u8> {
    frames(transactions).flat_map(|(frame, _)| frame).collect()
}

/// The same, frame by frame, so that a large file is never in memory as a whole; each with how many
/// transactions it holds.
pub fn frames<'a>(
    transactions: impl IntoIterator<Item = &'a RawTransaction>,
) -> impl Iterator<Item = (Vec<u8>, usize)> {
    let fits = |raw: &&RawTransaction| raw.0.len() <= TRANSACTION_BYTES_MAX;
    let mut rest = transactions.into_iter().filter(fits).peekable();
    std::iter::from_fn(move || {
        let mut batch = Vec::new();
        let mut size_bytes = LIST_HEADER_BYTES;
        while let Some(next) =
            rest.next_if(|next| size_bytes + entry_bytes(next) <= FRAME_BYTES_MAX)
        {
            size_bytes += entry_bytes(next);
            batch.push(next.clone());
        }
        let count = batch.len();
        (count > 0).then(|| (framed(&Record::Transactions(batch)), count))
    })
}

/// Returns how many bytes a transaction takes in a file, but for its share of the frame.
pub(super) fn entry_bytes(raw: &RawTransaction) -> usize {
    ENTRY_HEADER_BYTES + raw.0.len()
}

/// Reads a file of the network `genesis`; an empty one holds nothing.
///
/// # Errors
/// [`Foreign`] if it is whole and yet not for this node.
pub fn decode(bytes: &[u8], genesis: &Hash) -> Result<Contents, Foreign> {
    let found = frame::salvage(bytes, FRAME_BYTES_MAX);
    let mut contents = Contents {
        transactions: Vec::new(),
        damaged: found.damaged,
        good_bytes: found.good_bytes,
    };
    for (position, payload) in found.payloads.into_iter().enumerate() {
        match codec::decode::<Record, FRAME_BYTES_MAX>(payload) {
            Ok(Record::Header {
                version,
                genesis: of,
            }) if position == 0 => {
                check_header(version, of, genesis)?;
            }
            Ok(Record::Transactions(batch)) => contents.transactions.extend(batch),
            Ok(Record::Header { .. }) | Err(_) => contents.damaged += 1,
        }
    }
    Ok(contents)
}

fn check_header(version: u32, found: Hash, expected: &Hash) -> Result<(), Foreign> {
    if version != VERSION {
        return Err(Foreign::Version { found: version });
    }
    match found == *expected {
        true => Ok(()),
        false => Err(Foreign::Network { found }),
    }
}

fn framed(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, &codec::encode(record));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: Hash = Hash([7; 32]);

    fn raw(fill: u8, size: usize) -> RawTransaction {
        RawTransaction(vec![fill; size].into())
    }

    fn file(transactions: &[RawTransaction]) -> Vec<u8> {
        [header(GENESIS), encode(transactions)].concat()
    }

    fn read(bytes: &[u8]) -> Contents {
        decode(bytes, &GENESIS).unwrap()
    }

    #[test]
    fn reads_back_what_it_writes() {
        assert_eq!(read(&[]), Contents::default());
        let sizes = [0, 1, 200, TRANSACTION_BYTES_MAX, 300].repeat(9);
        let all: Vec<_> = (0..)
            .zip(sizes)
            .map(|(fill, size)| raw(fill, size))
            .collect();
        let bytes = file(&all);
        let found = read(&bytes);
        assert_eq!(found.transactions, all);
        assert_eq!((found.damaged, found.good_bytes), (0, bytes.len()));
        assert!(frames(&all).count() > 2);
        let oversized = raw(1, TRANSACTION_BYTES_MAX + 1);
        let rest = [oversized, all[0].clone()];
        assert_eq!(read(&file(&rest)).transactions, all[..1]);
    }

    #[test]
    fn reads_many_small_ones_within_the_limit_of_a_frame() {
        let all = vec![raw(1, 0); FRAME_BYTES_MAX / ENTRY_HEADER_BYTES + 1];
        assert_eq!(read(&file(&all)).transactions.len(), all.len());
    }

    #[test]
    fn cuts_a_torn_tail_at_every_length() {
        let (one, two) = (raw(1, 20), raw(2, 20));
        let first = file(std::slice::from_ref(&one));
        let whole = [first.clone(), encode([&two])].concat();
        for length in first.len()..whole.len() {
            let found = read(&whole[..length]);
            assert_eq!(found.transactions, std::slice::from_ref(&one), "{length}");
            assert_eq!((found.damaged, found.good_bytes), (0, first.len()));
        }
    }

    #[test]
    fn uses_what_damage_leaves() {
        let all = [raw(1, 20), raw(2, 20), raw(3, 20)];
        let each: Vec<_> = all.iter().map(|one| encode([one])).collect();
        let whole = [header(GENESIS), each.concat()].concat();
        for position in 0..whole.len() - each[2].len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0x10;
            let found = read(&bytes);
            assert_eq!(found.damaged, 1, "{position}");
            assert!(found.transactions.len() >= 2, "{position}");
            assert!(found.transactions.iter().all(|one| all.contains(one)));
        }
    }

    #[test]
    fn refuses_another_network_and_another_version() {
        let found = Hash([8; 32]);
        let other = [header(found), encode([&raw(1, 9)])].concat();
        assert_eq!(decode(&other, &GENESIS), Err(Foreign::Network { found }));
        let (version, genesis) = (VERSION + 1, GENESIS);
        let newer = framed(&Record::Header { version, genesis });
        let refused = Foreign::Version { found: version };
        assert_eq!(decode(&newer, &GENESIS), Err(refused));
    }

    #[test]
    fn the_bytes_are_pinned() {
        let bytes = file(&[raw(0xab, 3)]);
        assert_eq!(bytes.len(), 16 + 40 + 16 + 23);
        assert_eq!(bytes[..8], *b"\xA5SLW\x28\0\0\0");
        assert_eq!(bytes[16..24], [0, 0, 0, 0, 1, 0, 0, 0]);
        let list = [
            1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xab, 0xab,
        ];
        assert_eq!(bytes[72..], list);
    }
}
