//! Where a subtree of the state trie stands: the first bits of the hashed keys below it.

use std::cmp::Ordering;
use std::fmt;

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::codec::{bytes, refuse};
use crate::hash::{Context, Hash};

/// Bits of a hashed key, and so the greatest depth of the trie.
pub const DEPTH_MAX: usize = 256;
/// Most bytes of a path as a key: its bits, and the one that closes them.
const KEY_BYTES_MAX: usize = DEPTH_MAX / 8 + 1;

/// The first `depth` bits of a hashed key; the bits after them are zero.
///
/// Of two paths neither of which begins with the other, the one further left in the trie is less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    bits: Hash,
    depth: u16,
}

/// Returns the position of `key` in the trie.
pub(super) fn position(key: &[u8]) -> Hash {
    Hash::of(Context::StateKey, &[key])
}

/// Returns the positions of `keys`, in their order.
pub(super) fn positions<K: AsRef<[u8]>>(keys: &[K]) -> Vec<Hash> {
    let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
    Hash::of_each(Context::StateKey, &keys)
}

/// Returns the bit of `position` that decides at `depth`: false is left. Zero below the deepest.
pub(super) fn bit(position: &Hash, depth: usize) -> bool {
    let byte = position.0.get(depth / 8).copied().unwrap_or(0);
    byte & (0x80 >> (depth % 8)) != 0
}

impl Path {
    /// The whole trie.
    pub(super) const ROOT: Self = Self {
        bits: Hash::ZERO,
        depth: 0,
    };

    /// Returns the number of bits.
    pub(super) fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Returns the path one bit longer: to the right subtree, or to the left.
    ///
    /// At [`DEPTH_MAX`] there is no longer one, and callers never ask: a subtree of one position is
    /// a page.
    pub(super) fn child(mut self, right: bool) -> Self {
        if right && let Some(byte) = self.bits.0.get_mut(usize::from(self.depth / 8)) {
            *byte |= 0x80 >> (self.depth % 8);
        }
        self.depth += 1;
        self
    }

    /// Returns the first `depth` bits of `position`.
    pub(super) fn of(position: &Hash, depth: usize) -> Self {
        let depth = u16::try_from(depth.min(DEPTH_MAX)).unwrap_or(u16::MAX);
        let (whole, partial) = (usize::from(depth / 8), depth % 8);
        let mut bits = *position;
        for (at, byte) in bits.0.iter_mut().enumerate() {
            *byte &= match at.cmp(&whole) {
                Ordering::Less => 0xff,
                Ordering::Equal => !(0xff >> partial),
                Ordering::Greater => 0,
            };
        }
        Self { bits, depth }
    }

    /// Says whether `position` lies below this path.
    pub(super) fn contains(&self, position: &Hash) -> bool {
        let (whole, partial) = (self.depth() / 8, self.depth() % 8);
        let (ours, theirs) = (self.bits.0.split_at(whole), position.0.split_at(whole));
        // The bits after the path are zero, so the last byte is compared under a mask.
        let last = |bytes: &[u8]| bytes.first().copied().unwrap_or(0);
        let mask = !(0xff_u8 >> partial);
        ours.0 == theirs.0 && last(ours.1) == last(theirs.1) & mask
    }

    /// Returns the bit that decides at `depth`, which is less than the path's own.
    pub(super) fn is_right_at(&self, depth: usize) -> bool {
        bit(&self.bits, depth)
    }

    /// Says whether `other` is this path or lies below it.
    pub(super) fn is_prefix_of(&self, other: &Self) -> bool {
        self.depth <= other.depth && self.contains(&other.bits)
    }

    /// Returns the key in the storage: the bits, a one, and zeros up to a whole byte.
    ///
    /// Short (three bytes at a million pages), unique, and for paths none of which begins with
    /// another, as those of pages are, in the order of the trie.
    pub(super) fn to_key(self) -> Vec<u8> {
        let last = self.depth() / 8;
        let mut key: Vec<_> = self.bits.0.into_iter().chain([0]).take(last + 1).collect();
        if let Some(byte) = key.last_mut() {
            *byte |= 0x80 >> (self.depth % 8);
        }
        key
    }

    /// Parses what [`Path::to_key`] makes; `None` for anything else.
    pub(super) fn from_key(key: &[u8]) -> Option<Self> {
        let (last, whole) = key.split_last()?;
        if *last == 0 || whole.len() > 32 || (whole.len() == 32 && *last != 0x80) {
            return None;
        }
        let mut bits = [0; 32];
        for (bits, byte) in bits.iter_mut().zip(key) {
            *bits = *byte;
        }
        if let Some(byte) = bits.get_mut(whole.len()) {
            *byte &= last - 1;
        }
        let partial = 7 - last.trailing_zeros();
        let depth = u16::try_from(whole.len() * 8).ok()? + u16::try_from(partial).ok()?;
        Some(Self {
            bits: Hash(bits),
            depth,
        })
    }
}

impl Encode for Path {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.to_key().encode(encoder)
    }
}

impl<C> Decode<C> for Path {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let key = bytes(decoder, KEY_BYTES_MAX, "path")?;
        Self::from_key(&key).ok_or_else(|| refuse("a path that leads nowhere in the trie"))
    }
}

bincode::impl_borrow_decode!(Path);

impl fmt::Display for Path {
    /// Shows the bits, or a dot for the whole trie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth == 0 {
            return f.write_str(".");
        }
        (0..self.depth())
            .try_for_each(|depth| f.write_str(if self.is_right_at(depth) { "1" } else { "0" }))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, Path, bit, position};

    #[test]
    fn keys_of_every_depth_round_trip() {
        let position = position(b"any");
        for depth in 0..=DEPTH_MAX {
            let path = Path::of(&position, depth);
            assert_eq!(path.depth(), depth);
            assert_eq!(Path::from_key(&path.to_key()), Some(path));
        }
    }

    #[test]
    fn a_path_is_that_of_the_steps_to_it() {
        let position = position(b"any");
        let mut path = Path::ROOT;
        for depth in 0..DEPTH_MAX {
            assert_eq!(Path::of(&position, depth), path, "{depth}");
            path = path.child(bit(&position, depth));
        }
        assert_eq!(Path::of(&position, DEPTH_MAX), path);
        assert_eq!(Path::of(&position, DEPTH_MAX + 1), path);
    }

    #[test]
    fn keys_without_the_closing_bit_or_too_long_are_none() {
        for key in [&[][..], &[0], &[1, 0], &[1; 33], &[0x80; 34]] {
            assert_eq!(Path::from_key(key), None);
        }
    }

    #[test]
    fn keys_of_disjoint_paths_are_in_the_order_of_the_trie() {
        let left = Path::ROOT.child(false);
        let right = Path::ROOT.child(true);
        let order = [left.child(false).child(true), left.child(true), right];
        assert!(order.is_sorted_by(|a, b| a.to_key() < b.to_key()));
    }

    #[test]
    fn contains_agrees_with_the_bits_at_every_depth() {
        let one = position(b"one");
        for depth in 0..=DEPTH_MAX {
            let path = Path::of(&one, depth);
            assert!(path.contains(&one));
            let mut other = one;
            if let Some(last) = depth.checked_sub(1) {
                other.0[last / 8] ^= 0x80 >> (last % 8);
                assert!(!path.contains(&other), "{depth}");
            }
            if depth < DEPTH_MAX {
                let mut below = one;
                below.0[depth / 8] ^= 0x80 >> (depth % 8);
                assert!(path.contains(&below), "{depth}");
            }
        }
    }

    #[test]
    fn a_path_contains_what_begins_with_it() {
        let one = position(b"one");
        let path = Path::of(&one, 20);
        assert!(path.contains(&one));
        assert!(!path.contains(&position(b"other")));
        assert!(path.is_prefix_of(&Path::of(&one, 21)));
        assert!(!path.is_prefix_of(&Path::of(&one, 19)));
    }
}
