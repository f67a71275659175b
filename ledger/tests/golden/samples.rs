//! One value of every type of the format, made of publicly known keys and fixed numbers.

mod blocks;
mod consensus;
mod documents;
mod receipts;
mod snapshots;
mod stakes;
mod state;
mod transactions;

use std::fmt;
use std::sync::LazyLock;

use bincode::{Decode, Encode};
use starling_ledger::address::AccountId;
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::block::BLOCK_BYTES_MAX;
use starling_ledger::codec::{CodecError, decode, encode};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{PublicKey, SecretKey, Signer};

/// Most bytes of any sample of consensus or genesis.
const SMALL_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a block with its certificate.
const FINAL_BYTES_MAX: usize = BLOCK_BYTES_MAX + SMALL_BYTES_MAX;

/// One value: where it is written down, its bytes, and the way through its type.
pub(crate) struct Sample {
    /// The file it stands in.
    pub(crate) file: &'static str,
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// The name of its type.
    pub(crate) kind: &'static str,
    /// Its encoding.
    pub(crate) bytes: Vec<u8>,
    /// Decodes bytes as a value of the type and encodes that again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, CodecError>,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) of {}", self.name, self.kind, self.file)
    }
}

/// All samples; those of one file stand together.
pub(crate) fn all() -> &'static [Sample] {
    static ALL: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let mut samples = transactions::samples();
        samples.extend(consensus::samples());
        samples.extend(blocks::samples());
        samples.extend(documents::samples());
        samples.extend(state::samples());
        samples.extend(stakes::samples());
        samples.extend(receipts::samples());
        samples.extend(snapshots::samples());
        samples
    });
    &ALL
}

fn again<T: Encode + Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    decode::<T, LIMIT>(bytes).map(|value| encode(&value))
}

fn sample<T: Encode + Decode<()>, const LIMIT: usize>(
    file: &'static str,
    name: &'static str,
    value: &T,
) -> Sample {
    let path = std::any::type_name::<T>();
    Sample {
        file,
        name,
        kind: path.rsplit("::").next().unwrap_or(path),
        bytes: encode(value),
        again: again::<T, LIMIT>,
    }
}

fn network() -> Hash {
    Hash::of(Context::Genesis, &[b"golden"])
}

fn key(name: &str) -> PublicKey {
    SecretKey::local(name).public_key()
}

fn account(name: &str) -> AccountId {
    Authority::Key(key(name)).account()
}

fn two_of_three() -> (Vec<SecretKey>, Authority) {
    let mut keys: Vec<_> = ["alice", "bob", "carol"].map(SecretKey::local).into();
    keys.sort_by_key(Signer::public_key);
    let public = keys.iter().map(Signer::public_key).collect();
    let policy = Policy::new(2, public).unwrap();
    (keys, Authority::Policy(policy))
}
