//! The trie above the pages: what is kept in memory.
//!
//! A [`Link`] stands in its parent and holds the hash of what is below, so that a page costs no
//! allocation of its own: memory is one [`Branch`] per page, 112 bytes.

use std::sync::Arc;

use super::page::{PAGE_BYTES_MAX, Page};
use super::path::{Path, bit};
use crate::hash::{Context, Hash};

/// Positions that are looked for side by side. A processor waits for about as many places of memory
/// at once.
const ABREAST: usize = 16;

/// A subtree, as its parent sees it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// What commits to the subtree.
    pub(super) hash: Hash,
    /// What it is.
    pub(super) node: Node,
}

/// What a subtree is.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Nothing.
    Empty,
    /// A page, kept elsewhere.
    Page {
        /// Its bytes, or [`PageSize::OVER`] for a single large entry.
        size: PageSize,
    },
    /// Two subtrees that together are too large for a page.
    Branch(Arc<Branch>),
}

/// An inner node.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The subtree of the positions with a zero here.
    pub(super) left: Link,
    /// The subtree of the positions with a one here.
    pub(super) right: Link,
}

/// The bytes of a page, cut off above the limit: all that the shape depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageSize(pub(super) u16);

/// A page, and how many of the positions that were looked for lie in it.
pub(super) struct Found {
    pub(super) path: Path,
    /// [`Hash::ZERO`] where there is no page.
    pub(super) hash: Hash,
    pub(super) positions: usize,
}

impl Branch {
    /// Returns the subtree on one side.
    const fn side(&self, right: bool) -> &Link {
        if right { &self.right } else { &self.left }
    }
}

impl PageSize {
    /// No entry.
    pub(super) const ZERO: Self = Self(0);
    /// One entry above the limit.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "1,025 fits into 16 bits, and a constant cannot use try_from"
    )]
    pub(super) const OVER: Self = Self(PAGE_BYTES_MAX as u16 + 1);

    /// The size of a page of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        u16::try_from(bytes).map_or(Self::OVER, |size| Self(size).min(Self::OVER))
    }
}

/// Says whether two neighbouring pages of these sizes are one page: the rule of the shape.
///
/// They are where all entries fit, or where one side is empty: the other, even a single entry above
/// the limit, then has no reason to stand deeper.
pub(super) fn is_one_page(left: PageSize, right: PageSize) -> bool {
    left == PageSize::ZERO
        || right == PageSize::ZERO
        || usize::from(left.0) + usize::from(right.0) <= PAGE_BYTES_MAX
}

/// Splits what ascends by position into what lies left and right of a node at `depth`.
pub(super) fn halves<T>(all: &[T], depth: usize, position: fn(&T) -> &Hash) -> (&[T], &[T]) {
    let middle = all.partition_point(|one| !bit(position(one), depth));
    all.split_at(middle)
}

/// Returns the hash of an inner node.
pub(super) fn branch_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(Context::StateNode, &[&left.0, &right.0])
}

impl Link {
    /// Nothing.
    pub(super) const EMPTY: Self = Self {
        hash: Hash::ZERO,
        node: Node::Empty,
    };

    /// The link to `page`, which hashes to `hash`.
    pub(super) fn page(page: &Page, hash: Hash) -> Self {
        if page.is_empty() {
            return Self::EMPTY;
        }
        Self {
            hash,
            node: Node::Page {
                size: PageSize::of(page.as_bytes().len()),
            },
        }
    }

    /// The link to the inner node over two subtrees.
    pub(super) fn branch(left: Self, right: Self) -> Self {
        Self {
            hash: branch_hash(&left.hash, &right.hash),
            node: Node::Branch(Arc::new(Branch { left, right })),
        }
    }

    /// Returns the bytes of the page, or `None` for an inner node.
    pub(super) fn page_size(&self) -> Option<PageSize> {
        match &self.node {
            Node::Empty => Some(PageSize::ZERO),
            Node::Page { size } => Some(*size),
            Node::Branch(_) => None,
        }
    }

    /// Returns the hashes beside the way to the page of `position`, from the page up.
    pub(super) fn siblings(&self, position: &Hash) -> Vec<Hash> {
        let mut link = self;
        let mut siblings = Vec::new();
        while let Node::Branch(branch) = &link.node {
            let (next, sibling) = if bit(position, siblings.len()) {
                (&branch.right, &branch.left)
            } else {
                (&branch.left, &branch.right)
            };
            siblings.push(sibling.hash);
            link = next;
        }
        siblings.reverse();
        siblings
    }

    /// Returns the pages of `positions`, which ascend and lie below this link at `path`, in the
    /// order of the trie.
    pub(super) fn find_all(&self, path: Path, positions: &[Hash]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::with_capacity(positions.len());
        for positions in positions.chunks(ABREAST) {
            for ((link, depth), position) in self.descend(path, positions).iter().zip(positions) {
                match found.last_mut() {
                    Some(last) if last.path.contains(position) => last.positions += 1,
                    _ => found.push(Found {
                        path: Path::of(position, *depth),
                        hash: link.hash,
                        positions: 1,
                    }),
                }
            }
        }
        found
    }

    /// Returns for each of `positions`, which lie below this link at `path`, the link to its page
    /// and the page's depth.
    ///
    /// All go down one level before any goes on: none waits for the memory of another.
    fn descend(&self, path: Path, positions: &[Hash]) -> [(&Self, usize); ABREAST] {
        let mut reached = [(self, path.depth()); ABREAST];
        for depth in path.depth().. {
            let mut is_there = true;
            for ((link, reached), position) in reached.iter_mut().zip(positions) {
                if let Node::Branch(branch) = &link.node {
                    *link = branch.side(bit(position, depth));
                    *reached = depth + 1;
                    is_there = false;
                }
            }
            if is_there {
                break;
            }
        }
        reached
    }

    /// Returns the link to the page of `position` and the page's path.
    pub(super) fn find(&self, position: &Hash) -> (&Self, Path) {
        let mut link = self;
        let mut path = Path::ROOT;
        while let Node::Branch(branch) = &link.node {
            let right = bit(position, path.depth());
            path = path.child(right);
            link = branch.side(right);
        }
        (link, path)
    }
}

#[cfg(test)]
mod tests {
    use super::{ABREAST, Branch, Link, Node, PageSize, halves, is_one_page};
    use crate::hash::Hash;
    use crate::state::path::{Path, position};

    /// A trie with a page for each of `positions`, which ascend, and nothing beside them.
    fn trie(positions: &[Hash], depth: usize) -> Link {
        match positions {
            [] => Link::EMPTY,
            [one] => Link {
                hash: *one,
                node: Node::Page { size: PageSize(1) },
            },
            _ => {
                let (left, right) = halves(positions, depth, |position| position);
                Link::branch(trie(left, depth + 1), trie(right, depth + 1))
            }
        }
    }

    /// Positions that ascend; of those with an even number the first `alike` bytes are zero.
    fn positions(count: u64, alike: usize) -> Vec<Hash> {
        let positions = (0..count).map(|number| {
            let mut position = position(&number.to_le_bytes());
            if number % 2 == 0 {
                position.0[..alike].fill(0);
            }
            position
        });
        let mut positions: Vec<_> = positions.collect();
        positions.sort_unstable();
        positions
    }

    #[test]
    fn many_are_found_where_each_is() {
        for (pages, alike) in [(0, 0), (1, 0), (2, 0), (300, 0), (300, 4), (40, 24)] {
            let trie = trie(&positions(pages, alike), 0);
            for count in [0, 1, ABREAST - 1, ABREAST, ABREAST + 1, 700] {
                let sought = positions(count.try_into().unwrap(), alike);
                let twice: Vec<_> = sought.iter().flat_map(|one| [*one, *one]).collect();
                for sought in [sought, twice] {
                    let found = trie.find_all(Path::ROOT, &sought);
                    assert!(found.is_sorted_by(|one, next| one.path < next.path));
                    let each = found
                        .iter()
                        .flat_map(|one| std::iter::repeat_n((one.path, one.hash), one.positions));
                    let alone = sought.iter().map(|one| {
                        let (link, path) = trie.find(one);
                        (path, link.hash)
                    });
                    assert!(each.eq(alone), "{pages} pages, {count} sought");
                }
            }
        }
    }

    #[test]
    fn many_are_found_below_an_inner_node() {
        let all = positions(300, 0);
        let trie = trie(&all, 0);
        let Node::Branch(branch) = &trie.node else {
            panic!("300 pages are no page");
        };
        let (_, right) = halves(&all, 0, |position| position);
        let found = branch.right.find_all(Path::ROOT.child(true), right);
        let hashes = found.iter().map(|one| one.hash);
        assert!(hashes.eq(right.iter().copied()));
        assert!(found.iter().all(|one| one.path == trie.find(&one.hash).1));
    }

    #[test]
    fn memory_of_a_branch_is_as_documented() {
        assert_eq!(size_of::<Branch>() + 2 * size_of::<usize>(), 112);
    }

    #[test]
    fn pages_join_where_they_fit_or_one_is_empty() {
        assert!(is_one_page(PageSize(512), PageSize(512)));
        assert!(!is_one_page(PageSize(512), PageSize(513)));
        assert!(is_one_page(PageSize::ZERO, PageSize::of(100_000)));
        assert!(!is_one_page(PageSize(1), PageSize::of(1_024)));
    }
}
