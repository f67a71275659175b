//! Proofs about one key of the state: its page, and the hashes beside the way up to the root.
//!
//! The same proof shows that a key has a value and that it has none: the page holds every entry of
//! its subtree, and the position of the key leads to no other page.
//!
//! # Limits
//! A proof encodes to at most [`PROOF_BYTES_MAX`] and takes at most 257 hashes to check, besides
//! one per entry of its page.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::page::{KEY_BYTES_MAX, PAGE_BYTES_MAX, Page, PageError, VALUE_BYTES_MAX};
use super::path::{DEPTH_MAX, Path, bit, position};
use super::trie::branch_hash;
use crate::codec::{bytes, list, refuse};
use crate::hash::Hash;

/// Most bytes of an encoded proof: a page of one large entry and a sibling per bit.
pub const PROOF_BYTES_MAX: usize = PAGE_IN_PROOF_BYTES_MAX + DEPTH_MAX * 32 + 16;
/// Most bytes of the page: one large entry is a page of its own.
const PAGE_IN_PROOF_BYTES_MAX: usize = PAGE_BYTES_MAX + KEY_BYTES_MAX + VALUE_BYTES_MAX;

/// The page of a key and the hashes beside its way, from the page up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    page: Page,
    siblings: Vec<Hash>,
}

/// Why a proof proves nothing about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Hashing up from the page leads to another root.
    #[error("the proof leads to another state root")]
    Root,
    /// The page holds a key that does not belong where the proof puts it.
    #[error("the proof's page holds a key from elsewhere")]
    Foreign,
    /// No state has this shape: the page would be joined with its empty neighbour.
    #[error("the proof has a shape that no state has")]
    Shape,
}

impl StateProof {
    /// Makes a proof of its parts; `siblings` from the page up.
    pub(super) fn new(page: Page, siblings: Vec<Hash>) -> Self {
        Self { page, siblings }
    }

    /// Returns the value of `key` in the state with this `root`, or `None` where it has none.
    ///
    /// # Errors
    /// [`ProofError`] where this is no proof about `key` and `root`.
    pub fn verify(&self, root: &Hash, key: &[u8]) -> Result<Option<&[u8]>, ProofError> {
        if self.siblings.first() == Some(&Hash::ZERO) {
            return Err(ProofError::Shape);
        }
        let position = position(key);
        let path = Path::of(&position, self.siblings.len());
        if !self.page.positions().all(|found| path.contains(&found)) {
            return Err(ProofError::Foreign);
        }
        let depths = (0..self.siblings.len()).rev();
        let hash =
            self.siblings
                .iter()
                .zip(depths)
                .fold(self.page.hash(), |hash, (sibling, depth)| {
                    if bit(&position, depth) {
                        branch_hash(sibling, &hash)
                    } else {
                        branch_hash(&hash, sibling)
                    }
                });
        if hash == *root {
            Ok(self.page.get(key))
        } else {
            Err(ProofError::Root)
        }
    }
}

impl Encode for StateProof {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.page.as_bytes()[..].encode(encoder)?;
        self.siblings.encode(encoder)
    }
}

impl<C> Decode<C> for StateProof {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let page = bytes(decoder, PAGE_IN_PROOF_BYTES_MAX, "page")?;
        let page = Page::from_bytes(page.into()).map_err(|error| {
            refuse(match error {
                PageError::Entry => "a state proof with a malformed page",
                PageError::Order => "a state proof with a page out of order",
                PageError::Size => "a state proof with a page above the limit",
            })
        })?;
        let siblings = list(decoder, DEPTH_MAX, "siblings")?;
        Ok(Self { page, siblings })
    }
}

bincode::impl_borrow_decode!(StateProof);

#[cfg(test)]
mod tests {
    use super::{PROOF_BYTES_MAX, Page, ProofError, StateProof, branch_hash};
    use crate::codec::{decode, encode};
    use crate::hash::Hash;
    use crate::state::path::{bit, position};

    /// A key whose position begins with this bit.
    fn key_on(right: bool) -> Vec<u8> {
        (0u8..=255)
            .map(|number| vec![number])
            .find(|key| bit(&position(key), 0) == right)
            .expect("half of all keys begin so")
    }

    fn page(key: &[u8]) -> Page {
        Page::of(&[(key, &[1; 600])])
    }

    #[test]
    fn an_empty_page_proves_no_absence_under_another_root() {
        let key = key_on(false);
        let page = page(&key);
        let proof = StateProof::new(Page::empty(), vec![]);
        assert_eq!(proof.verify(&page.hash(), &key), Err(ProofError::Root));
        let proof = StateProof::new(Page::empty(), vec![page.hash()]);
        assert_eq!(proof.verify(&page.hash(), &key), Err(ProofError::Root));
    }

    #[test]
    fn the_page_of_the_other_side_proves_no_absence() {
        let (left, right) = (key_on(false), key_on(true));
        let (here, there) = (page(&left), page(&right));
        let root = branch_hash(&here.hash(), &there.hash());
        let proof = StateProof::new(here.clone(), vec![there.hash()]);
        assert_eq!(proof.verify(&root, &left), Ok(Some(&[1; 600][..])));
        let proof = StateProof::new(there, vec![here.hash()]);
        assert_eq!(proof.verify(&root, &left), Err(ProofError::Foreign));
    }

    /// What a root with hidden entries would need: it is refused although it hashes up to the root.
    #[test]
    fn refuses_pages_where_no_state_has_them() {
        let (left, right) = (key_on(false), key_on(true));
        let root = branch_hash(&page(&left).hash(), &Hash::ZERO);
        let proof = StateProof::new(page(&left), vec![Hash::ZERO]);
        assert_eq!(proof.verify(&root, &left), Err(ProofError::Shape));
        let root = branch_hash(&page(&right).hash(), &Hash([1; 32]));
        let proof = StateProof::new(page(&right), vec![Hash([1; 32])]);
        assert_eq!(proof.verify(&root, &left), Err(ProofError::Foreign));
    }

    #[test]
    fn an_inner_node_is_no_page() {
        let (left, right) = (key_on(false), key_on(true));
        let (here, there) = (page(&left).hash(), page(&right).hash());
        let bytes = [here.0, there.0].concat();
        let encoded = encode(&(bytes, Vec::<Hash>::new()));
        let decoded = decode::<StateProof, PROOF_BYTES_MAX>(&encoded);
        let root = branch_hash(&here, &there);
        assert!(decoded.is_err() || decoded.is_ok_and(|p| p.verify(&root, &left).is_err()));
    }

    #[test]
    fn refuses_more_siblings_than_a_hash_has_bits() {
        for (count, accepted) in [(256, true), (257, false)] {
            let encoded = encode(&(Vec::<u8>::new(), vec![Hash([1; 32]); count]));
            let decoded = decode::<StateProof, PROOF_BYTES_MAX>(&encoded);
            assert_eq!(decoded.is_ok(), accepted, "{count}");
        }
    }
}
