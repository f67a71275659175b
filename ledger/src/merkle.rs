//! Commitments to lists: binary hash trees of the RFC 6962 shape.
//!
//! The length of a list is not in its root; headers carry it beside. Leaves and inner nodes have
//! contexts of their own, so that no leaf can pose as a node.
//!
//! # Source
//! RFC 6962, section 2.1 (tree shape and audit paths), with BLAKE3 contexts for the prefixes.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::codec::list;
use crate::hash::{Context, Hash};

/// Most siblings of a path: one for each bit of the length of a list.
const PATH_MAX: usize = 32;

/// The audit path of one leaf: sibling hashes from the leaf up.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct ListProof {
    /// Position of the leaf.
    pub index: u32,
    /// Length of the list.
    pub count: u32,
    /// Siblings, from the leaf's up to the root's child.
    pub path: Vec<Hash>,
}

/// Returns the root of the tree over `items`; [`Hash::ZERO`] for an empty list.
pub fn list_root(items: &[Hash]) -> Hash {
    match items {
        [] => Hash::ZERO,
        [item] => leaf(item),
        _ => {
            let (left, right) = items.split_at(split(items.len()));
            node(&list_root(left), &list_root(right))
        }
    }
}

/// Returns the audit path of item `index`, or `None` if there is no such item.
pub fn prove(items: &[Hash], index: usize) -> Option<ListProof> {
    if index >= items.len() {
        return None;
    }
    let mut path = Vec::new();
    collect(items, index, &mut path);
    Some(ListProof {
        index: u32::try_from(index).ok()?,
        count: u32::try_from(items.len()).ok()?,
        path,
    })
}

impl ListProof {
    /// Says whether `item` stands at `self.index` of the list of `self.count` items with this
    /// `root`.
    pub fn verify(&self, root: &Hash, item: &Hash) -> bool {
        self.index < self.count
            && fold(self.index, self.count, &self.path, leaf(item)).as_ref() == Some(root)
    }
}

impl<C> Decode<C> for ListProof {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            index: Decode::decode(decoder)?,
            count: Decode::decode(decoder)?,
            path: list(decoder, PATH_MAX, "siblings")?,
        })
    }
}

bincode::impl_borrow_decode!(ListProof);

fn collect(items: &[Hash], index: usize, path: &mut Vec<Hash>) {
    if items.len() <= 1 {
        return;
    }
    let middle = split(items.len());
    let (left, right) = items.split_at(middle);
    if index < middle {
        collect(left, index, path);
        path.push(list_root(right));
    } else {
        collect(right, index - middle, path);
        path.push(list_root(left));
    }
}

/// Recomputes the root from the top down; `None` if the path has another length than the tree asks
/// for.
fn fold(index: u32, count: u32, path: &[Hash], item: Hash) -> Option<Hash> {
    if count == 1 {
        return path.is_empty().then_some(item);
    }
    let (sibling, rest) = path.split_last()?;
    let middle = 1 << (31 - (count - 1).leading_zeros());
    if index < middle {
        Some(node(&fold(index, middle, rest, item)?, sibling))
    } else {
        Some(node(
            sibling,
            &fold(index - middle, count - middle, rest, item)?,
        ))
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn leaf(item: &Hash) -> Hash {
    Hash::of(Context::ListLeaf, &[&item.0])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(Context::ListNode, &[&left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: u8) -> Vec<Hash> {
        (0..count).map(|i| Hash([i; 32])).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven() {
        for count in 1..40 {
            let list = items(count);
            let root = list_root(&list);
            for (index, item) in list.iter().enumerate() {
                let proof = prove(&list, index).unwrap();
                assert!(proof.verify(&root, item));
                assert!(!proof.verify(&root, &Hash([99; 32])));
            }
        }
    }

    #[test]
    fn refuses_a_path_of_another_length() {
        let list = items(5);
        let mut proof = prove(&list, 4).unwrap();
        proof.path.push(Hash::ZERO);
        assert!(!proof.verify(&list_root(&list), &list[4]));
        proof.path.clear();
        assert!(!proof.verify(&list_root(&list), &list[4]));
    }
}
