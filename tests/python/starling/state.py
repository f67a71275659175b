"""The state: pages of entries, the root over them, and proofs about one key.

The state is a binary trie over the hashed keys. A subtree whose entries encode to at most 1 KiB is
a page; a larger one is split by the next bit, the first bit of a hash being the highest of its
first byte. A single entry is a page whatever its size.
"""

from . import hashes
from .codec import BLOB, List, Malformed, Struct
from .types import HASH, ascends, require

PAGE_BYTES_MAX = 1024
KEY_BYTES_MAX = 256
VALUE_BYTES_MAX = 128 * 1024
DEPTH_MAX = 256

# Tags of the keys of the state: the first byte.
(TOTALS, ACCOUNT, RECORD, STAKE, VALIDATORS, CONSENSUS_KEY, CANDIDATES, PRESENCE, SCHEDULE,
 RELEASE, EPOCH_END) = range(11)


def key(tag, *parts):
    """The key of an entry."""
    return bytes([tag]) + b"".join(parts)


def page_of(entries):
    """Encodes entries, a dict, as a page: ascending by key, lengths of 2 and 4 bytes before each."""
    return b"".join(len(k).to_bytes(2, "little") + len(v).to_bytes(4, "little") + k + v
                    for k, v in sorted(entries.items()))


def entries_of(page):
    """Decodes a page to a list of keys and values."""
    entries, at = [], 0
    while at < len(page):
        require(at + 6 <= len(page), "a page that is cut")
        key_bytes = int.from_bytes(page[at:at + 2], "little")
        value_bytes = int.from_bytes(page[at + 2:at + 6], "little")
        require(key_bytes <= KEY_BYTES_MAX and value_bytes <= VALUE_BYTES_MAX, "entry too long")
        middle, at = at + 6 + key_bytes, at + 6 + key_bytes + value_bytes
        require(at <= len(page), "a page that is cut")
        entries.append((page[middle - key_bytes:middle], page[middle:at]))
    require(ascends([k for k, _ in entries]), "a page whose keys are out of order")
    require(len(entries) < 2 or len(page) <= PAGE_BYTES_MAX, "a page of several entries too large")
    return entries


def bit(position, depth):
    return position[depth // 8] >> (7 - depth % 8) & 1


class Trie:
    """Computes roots; remembers hashes of pages and nodes, so that small changes cost little."""

    def __init__(self):
        self.positions, self.pages, self.nodes = {}, {}, {}

    def root(self, entries):
        """The root over a dict of keys and values."""
        placed = sorted((self._position(k), k) for k in entries)
        return self._root(placed, entries, 0)

    def _position(self, k):
        if k not in self.positions:
            self.positions[k] = hashes.state_position(k)
        return self.positions[k]

    def _root(self, placed, entries, depth):
        size = sum(6 + len(k) + len(entries[k]) for _, k in placed)
        if size <= PAGE_BYTES_MAX or len(placed) == 1:
            page = page_of({k: entries[k] for _, k in placed})
            if page not in self.pages:
                self.pages[page] = hashes.state_page(page)
            return self.pages[page]
        right = next((i for i, (p, _) in enumerate(placed) if bit(p, depth)), len(placed))
        children = (self._root(placed[:right], entries, depth + 1),
                    self._root(placed[right:], entries, depth + 1))
        if children not in self.nodes:
            self.nodes[children] = hashes.state_node(*children)
        return self.nodes[children]


def _check_proof(proof):
    entries_of(proof.page)
    require(len(proof.siblings) <= DEPTH_MAX, "a proof deeper than a hash has bits")


STATE_PROOF = Struct("StateProof", _check_proof, page=BLOB, siblings=List(HASH))


def prove(proof, root, k):
    """Returns the value of key `k` in the state with this root, or None where it has none.

    Raises Malformed where this is no proof about them. `siblings` go from the page up.
    """
    siblings = proof.siblings
    require(not siblings or siblings[0] != hashes.ZERO, "a shape that no state has")
    position = hashes.state_position(k)
    entries = entries_of(proof.page)
    for found, _ in entries:
        other = hashes.state_position(found)
        same = all(bit(other, depth) == bit(position, depth) for depth in range(len(siblings)))
        require(same, "a page that holds a key from elsewhere")
    node = hashes.state_page(proof.page)
    for depth, sibling in zip(reversed(range(len(siblings))), siblings):
        pair = (sibling, node) if bit(position, depth) else (node, sibling)
        node = hashes.state_node(*pair)
    if node != root:
        raise Malformed("the proof leads to another state root")
    return dict(entries).get(k)
