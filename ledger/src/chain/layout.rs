//! Keys and values of the columns that hold the chain.

use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::block::{Block, BlockHash};
use crate::codec::encode;
use crate::transaction::Nonce;
use crate::vote::Height;

/// The key of the genesis.
pub(super) const GENESIS: &[u8] = b"genesis";
/// The key of the tip.
pub(super) const TIP: &[u8] = b"tip";
/// The key of the lowest height whose block is kept; absent where all are.
pub(super) const FIRST: &[u8] = b"first";

/// The key of how far the index of histories is.
pub(super) const HISTORY: &[u8] = b"history";

/// Most bytes of an entry of a history: an id, and a hash that may be missing.
pub(super) const LINK_BYTES_MAX: usize = 32 + 1 + 32;
/// Most bytes of a stored genesis: the largest list of accounts, and all else.
pub(super) const GENESIS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a stored header: 16 fields of fixed width, under 400 bytes.
pub(super) const HEADER_BYTES_MAX: usize = 512;
/// Most bytes of a stored certificate: 1,000 signatures of 66 bytes, and the head.
pub(super) const CERTIFICATE_BYTES_MAX: usize = 70 * 1024;

const BY_HEIGHT: u8 = 0;
const BY_HASH: u8 = 1;

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Place {
    pub(super) height: Height,
    pub(super) index: u32,
}

/// Encodes a number so that keys are in its order.
pub(super) const fn number(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

/// The key of the header at a height.
pub(super) fn header(height: Height) -> Vec<u8> {
    [&[BY_HEIGHT], number(height).as_slice()].concat()
}

/// The number that a key ends with.
pub(super) fn number_in(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The key of the height of a block.
pub(super) fn header_of(hash: &BlockHash) -> Vec<u8> {
    [&[BY_HASH], hash.0.0.as_slice()].concat()
}

/// The key of an account's transaction.
pub(super) fn history(account: &AccountId, nonce: Nonce) -> Vec<u8> {
    [account.0.as_slice(), &number(nonce)].concat()
}

/// Encodes what follows the header in the encoding of `block`.
pub(super) fn body(block: &Block) -> Vec<u8> {
    let mut bytes = encode(&block.transactions);
    bytes.extend(encode(&block.evidence));
    bytes.extend(encode(&block.parent_certificate));
    bytes
}
