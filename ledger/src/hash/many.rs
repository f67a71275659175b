//! Many short inputs side by side: a vector unit compresses 4, 8 or 16 blocks in the time of one.
//!
//! An input of at most 1,024 bytes is one chunk of BLAKE3: its blocks of 64 bytes are compressed
//! one after the other, each with the result of the one before. So one input leaves a vector unit
//! idle. Here inputs of as many blocks go together, up to their last block, which may be shorter
//! and is compressed alone.
//!
//! The library has no stable interface for this yet; what is used is the one it gives to its own
//! benchmarks (docs/decisions/0017-hashing-pages-together.md).
//!
//! # Source
//! BLAKE3 specification, section 2.4 "Chunk chaining values".

use blake3::hazmat::ContextKey;
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};
use blake3::{BLOCK_LEN, CHUNK_LEN, IncrementCounter, OUT_LEN};

use super::Hash;

/// Flags of a compression: BLAKE3 specification, table 3.
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const DERIVE_KEY_MATERIAL: u8 = 1 << 6;

/// An input that is one chunk, and where its hash belongs.
struct Chunk<'a> {
    input: &'a [u8],
    hash: &'a mut Hash,
}

impl Chunk<'_> {
    /// The blocks before the last one.
    const fn blocks_before(&self) -> usize {
        self.input.len().saturating_sub(1) / BLOCK_LEN
    }
}

/// Hashes each of `inputs` that is one chunk under the context of `key`; returns those that are
/// longer, for which one input alone fills the vector unit.
pub(super) fn chunks<'a>(
    key: &ContextKey,
    inputs: impl Iterator<Item = (&'a [u8], &'a mut Hash)>,
) -> Vec<(&'a [u8], &'a mut Hash)> {
    chunks_on(Platform::detect(), key, inputs)
}

fn chunks_on<'a>(
    platform: Platform,
    key: &ContextKey,
    inputs: impl Iterator<Item = (&'a [u8], &'a mut Hash)>,
) -> Vec<(&'a [u8], &'a mut Hash)> {
    let (short, long): (Vec<_>, Vec<_>) = inputs.partition(|(input, _)| input.len() <= CHUNK_LEN);
    let chunks = short.into_iter().map(|(input, hash)| Chunk { input, hash });
    let mut chunks: Vec<_> = chunks.collect();
    chunks.sort_by_key(Chunk::blocks_before);
    let key = words_from_le_bytes_32(key);
    let mut values = Vec::new();
    for alike in chunks.chunk_by_mut(|one, other| one.blocks_before() == other.blocks_before()) {
        let blocks = alike.first().map_or(0, Chunk::blocks_before);
        values.clear();
        values.resize(alike.len() * OUT_LEN, 0);
        compress_blocks(platform, &key, (alike, blocks), &mut values);
        let (values, _) = values.as_chunks();
        for (chunk, value) in alike.iter_mut().zip(values) {
            let before = if blocks == 0 {
                key
            } else {
                words_from_le_bytes_32(value)
            };
            *chunk.hash = compress_last(platform, before, (chunk.input, blocks));
        }
    }
    long
}

/// Compresses the first `blocks` of each chunk into `values`.
fn compress_blocks(
    platform: Platform,
    key: &[u32; 8],
    (chunks, blocks): (&[Chunk<'_>], usize),
    values: &mut [u8],
) {
    /// The library takes inputs whose length is known when it is compiled.
    macro_rules! of_length {
        ($($length:literal)*) => {
            match blocks {
                $($length => {
                    const BYTES: usize = $length * BLOCK_LEN;
                    let inputs = chunks.iter().filter_map(|chunk| chunk.input.first_chunk());
                    let inputs: Vec<&[u8; BYTES]> = inputs.collect();
                    platform.hash_many(
                        &inputs,
                        key,
                        0,
                        IncrementCounter::No,
                        DERIVE_KEY_MATERIAL,
                        CHUNK_START,
                        0,
                        values,
                    );
                })*
                _ => {}
            }
        };
    }
    of_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

/// Compresses what follows the first `blocks` of a chunk, with the result of those before.
fn compress_last(platform: Platform, mut value: [u32; 8], (input, blocks): (&[u8], usize)) -> Hash {
    let rest = input.get(blocks * BLOCK_LEN..).unwrap_or_default();
    let (mut block, mut length) = ([0; BLOCK_LEN], 0);
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
        length += 1;
    }
    let start = if blocks == 0 { CHUNK_START } else { 0 };
    let flags = DERIVE_KEY_MATERIAL | start | CHUNK_END | ROOT;
    platform.compress_in_place(&mut value, &block, length, 0, flags);
    Hash(le_bytes_from_words_32(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Context;

    /// The vector units of this machine.
    fn platforms() -> Vec<Platform> {
        let mut platforms = vec![Platform::portable(), Platform::detect()];
        #[cfg(target_arch = "x86_64")]
        {
            let older = [Platform::sse2(), Platform::sse41(), Platform::avx2()];
            platforms.extend(older.into_iter().flatten());
        }
        platforms
    }

    fn check(platform: Platform, lengths: &[usize]) {
        let context = Context::StatePage;
        let bytes: Vec<u8> = (0..=250).cycle().take(2_048).collect();
        let input = |(number, length): (usize, &usize)| &bytes[number % 512..][..*length];
        let inputs: Vec<_> = lengths.iter().enumerate().map(input).collect();
        let mut hashes = vec![Hash::ZERO; inputs.len()];
        let pairs = inputs.iter().copied().zip(&mut hashes);
        let long = chunks_on(platform, context.key(), pairs).len();
        let longer = |length: &&usize| **length > CHUNK_LEN;
        assert_eq!(long, lengths.iter().filter(longer).count());
        for (input, hash) in inputs.iter().zip(hashes) {
            let expected = match input.len() {
                0..=CHUNK_LEN => Hash::of(context, &[input]),
                _ => Hash::ZERO,
            };
            assert_eq!(hash, expected, "{} bytes on {platform:?}", input.len());
        }
        assert_eq!(
            Hash::of_each(context, &inputs),
            inputs
                .iter()
                .map(|input| Hash::of(context, &[input]))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn each_length_hashes_as_it_does_alone() {
        let all: Vec<_> = (0..=CHUNK_LEN + 2).collect();
        let mixed: Vec<_> = (0..1_000).map(|number| number * 389 % 1_100).collect();
        for platform in platforms() {
            check(platform, &[]);
            check(platform, &all);
            check(platform, &mixed);
            // As many as fill no lane, some, all, and more than all.
            for count in 1..=40 {
                check(platform, &vec![700; count]);
            }
        }
    }
}
