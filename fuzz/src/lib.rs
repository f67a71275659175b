//! What the fuzz targets share: the properties they check, and golden values to check against.
//!
//! A target is a file in `src/bin`. It takes bytes as they come from outside and panics where a
//! decoder breaks its word: what decodes encodes again to the same bytes, what is a proof proves
//! nothing else, and two ways to read the same bytes agree. `scripts/fuzz.sh` runs them, bounds
//! their memory, and makes their first inputs.

use std::fmt::Debug;
use std::sync::LazyLock;

use bincode::{Decode, Encode};
use starling_ledger::codec::{decode, encode};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::{Context, Hash};
use starling_node::consensus::frame;

pub use libfuzzer_sys::fuzz_target;

/// Most bytes of a value that has no limit of its own.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

const STATE: &str = include_str!("../../ledger/tests/vectors/golden/state.txt");
const SNAPSHOT: &str = include_str!("../../ledger/tests/vectors/golden/snapshot.txt");
const RECEIPT: &str = include_str!("../../ledger/tests/vectors/golden/receipt.txt");
const CONSENSUS: &str = include_str!("../../ledger/tests/vectors/golden/consensus.txt");

/// The network of the golden transactions and votes.
pub static NETWORK: LazyLock<Hash> = LazyLock::new(|| Hash::of(Context::Genesis, &[b"golden"]));

/// The network of the golden receipts and snapshots.
pub static GENESIS: LazyLock<Genesis> = LazyLock::new(|| golden("receipt_genesis"));

/// Decodes `bytes`, which are refused or are the one encoding of what they hold.
pub fn one_encoding<T: Decode<()> + Encode, const LIMIT: usize>(bytes: &[u8]) -> Option<T> {
    identity(bytes, decode::<T, LIMIT>, encode)
}

/// Decodes `bytes`, which are refused or what `encode` makes of what they hold.
pub fn identity<T, E>(
    bytes: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, E>,
    encode: impl FnOnce(&T) -> Vec<u8>,
) -> Option<T> {
    let value = decode(bytes).ok()?;
    assert!(encode(&value) == bytes, "a second encoding of one value");
    Some(value)
}

/// Parses `text`, which is refused or a way to write what `print` writes too.
pub fn round_trip<T: PartialEq + Debug, E: Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    print: impl FnOnce(&T) -> String,
) -> Option<T> {
    let value = parse(text).ok()?;
    let again = parse(&print(&value)).expect("what is printed parses");
    assert_eq!(again, value);
    Some(value)
}

/// Makes a file of the ledger with a right checksum around `content`, so that the fuzzer gets past
/// it.
pub fn sealed(magic: &[u8; 8], content: &[u8]) -> Vec<u8> {
    let mut file = [magic.as_slice(), &1u32.to_le_bytes(), content].concat();
    let checksum = Hash::of(Context::File, &[&file]);
    file.extend(checksum.0);
    file
}

/// Reads a golden value of the ledger.
///
/// # Panics
/// Where there is none of this name and type.
pub fn golden<T: Decode<()>>(name: &str) -> T {
    let lines = [STATE, SNAPSHOT, RECEIPT, CONSENSUS];
    let mut lines = lines.iter().flat_map(|file| file.lines());
    let line = lines.find(|line| line.split(' ').next() == Some(name));
    let digits = line.and_then(|line| line.rsplit(' ').next());
    let bytes = digits.and_then(starling_node::api::unhex);
    decode::<T, BYTES_MAX>(&bytes.expect("a golden value")).expect("it decodes")
}

/// Makes a file of checksummed frames as the consensus log and the sign guard are: each piece of
/// the input becomes a payload.
pub fn framed(input: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    pieces(input).for_each(|payload| frame::append(&mut file, payload));
    file
}

/// Cuts the input into pieces: two bytes for its length and its bytes each; the last may be short.
pub fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        input = rest;
        Some(piece)
    })
}
