//! What the fuzz targets share: the one property of every decoder, and what lets bytes through.
//!
//! Whatever decodes encodes again to the same bytes; everything else is refused, without a panic
//! and without memory that the input did not pay for.

use std::sync::LazyLock;

use starling_ledger::genesis::Genesis;
use starling_ledger::hash::{Context, Hash};

/// Declares the target of a type: what decodes encodes again to the same bytes.
#[macro_export]
macro_rules! identity {
    ($kind:ty, $limit:expr) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            let read = starling_ledger::codec::decode::<$kind, { $limit }>(bytes);
            $crate::same_if_read(bytes, read, starling_ledger::codec::encode);
        });
    };
}

/// Checks that a value that was read is written as it stood.
pub fn same_if_read<T, E>(bytes: &[u8], read: Result<T, E>, write: impl FnOnce(&T) -> Vec<u8>) {
    if let Ok(value) = read {
        assert_eq!(write(&value), bytes);
    }
}

/// Makes a file of version 1 of `content`: magic and version before it, the checksum behind.
pub fn with_checksum(magic: [u8; 8], content: &[u8]) -> Vec<u8> {
    let mut file = [&magic[..], &1u32.to_le_bytes(), content].concat();
    let checksum = Hash::of(Context::File, &[&file]);
    file.extend_from_slice(&checksum.0);
    file
}

/// The genesis of a local network.
pub fn local_genesis() -> &'static Genesis {
    static GENESIS: LazyLock<Genesis> = LazyLock::new(|| Genesis::local("local", 1_000, 4));
    &GENESIS
}
