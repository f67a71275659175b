"""Commitments to lists: trees of the RFC 6962 shape, and audit paths."""

from .hashes import ZERO, list_leaf, list_node


def _split(count):
    """The largest power of two below a count of at least 2: the leaves on the left."""
    return 1 << (count - 1).bit_length() - 1


def root(items):
    """The root over a list of hashes; its length is not in it."""
    if not items:
        return ZERO
    if len(items) == 1:
        return list_leaf(items[0])
    middle = _split(len(items))
    return list_node(root(items[:middle]), root(items[middle:]))


def _fold(index, count, path, item):
    if count == 1:
        return list_leaf(item) if not path else None
    if not path:
        return None
    middle, sibling, rest = _split(count), path[-1], path[:-1]
    if index < middle:
        left = _fold(index, middle, rest, item)
        return left and list_node(left, sibling)
    right = _fold(index - middle, count - middle, rest, item)
    return right and list_node(sibling, right)


def proves(proof, expected_root, item):
    """Says whether `item` stands at the proof's index in the list with this root."""
    return (proof.index < proof.count
            and _fold(proof.index, proof.count, proof.path, item) == expected_root)
