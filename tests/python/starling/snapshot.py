"""Snapshots: the manifest, and chunks, each of which the state root alone proves.

The rules are those of the module documentation of `ledger/src/snapshot.rs` and
`ledger/src/state/chunk.rs`.
"""

from . import hashes
from .codec import BLOB, U32, List, Struct
from .state import DEPTH_MAX, PAGE_BYTES_MAX, bit, page_of
from .types import CERTIFICATE, HASH, HEADER, VALIDATOR_SET, ascends, require

CHUNK_BYTES_MAX = 1024 * 1024
CHUNK_CONTENT_BYTES_MAX = CHUNK_BYTES_MAX - 16 * 1024
CHUNKS_MAX = 65536
MANIFEST_VERSION = 1


class Path:
    """The first bits of a position; a value is a string of ones and zeros.

    Encoded as bytes with their length: the bits, a one, and zeros up to a whole byte.
    """

    least_bytes = 8

    def read(self, reader):
        data = BLOB.read(reader)
        require(data and data[-1] != 0 and len(data) <= 33, "a path that leads nowhere")
        bits = "".join("{:08b}".format(byte) for byte in data).rstrip("0")[:-1]
        require(len(bits) <= DEPTH_MAX, "a path that leads nowhere")
        return bits

    def write(self, value):
        bits = value + "1"
        bits += "0" * (-len(bits) % 8)
        return BLOB.write(int(bits, 2).to_bytes(len(bits) // 8, "big"))


PATH = Path()


def _check_chunk(chunk):
    require(len(chunk.siblings) == len(chunk.path), "not a sibling for each bit of the path")
    require(len(chunk.content) <= CHUNK_CONTENT_BYTES_MAX, "too much content")


def _check_manifest(manifest):
    require(manifest.version == MANIFEST_VERSION, "a manifest of another format")
    require(len(manifest.chunks) <= CHUNKS_MAX, "too many chunks")


CHUNK = Struct("StateChunk", _check_chunk, path=PATH, siblings=List(HASH), content=BLOB)
SUMMARY = Struct("ChunkSummary", path=PATH, hash=HASH, content_bytes=U32, entries=U32)
MANIFEST = Struct("SnapshotManifest", _check_manifest, version=U32, header=HEADER,
                  certificate=CERTIFICATE, signed_by=VALIDATOR_SET, validators=VALIDATOR_SET,
                  chunks=List(SUMMARY))


def _entries(content):
    """The entries of all pages of a chunk, in the order they stand."""
    entries, at = [], 0
    while at < len(content):
        require(at + 6 <= len(content), "an entry that is cut")
        key_bytes = int.from_bytes(content[at:at + 2], "little")
        value_bytes = int.from_bytes(content[at + 2:at + 6], "little")
        middle, end = at + 6 + key_bytes, at + 6 + key_bytes + value_bytes
        require(end <= len(content) and key_bytes <= 256 and value_bytes <= 128 * 1024,
                "an entry that is cut or too long")
        entries.append((content[at + 6:middle], content[middle:end]))
        at = end
    return entries


def _subtree(placed, depth):
    """Returns the pages of a subtree, in order, and its hash."""
    size = sum(6 + len(key) + len(value) for _, key, value in placed)
    if len(placed) <= 1 or size <= PAGE_BYTES_MAX:
        page = page_of({key: value for _, key, value in placed})
        return page, hashes.state_page(page)
    left = [one for one in placed if not bit(one[0], depth)]
    right = [one for one in placed if bit(one[0], depth)]
    (left_pages, left), (right_pages, right) = _subtree(left, depth + 1), _subtree(right, depth + 1)
    return left_pages + right_pages, hashes.state_node(left, right)


def prove(chunk, root):
    """Returns the summary and the entries of a chunk of the state with this root."""
    entries = _entries(chunk.content)
    require(entries, "a chunk without an entry")
    placed = sorted((hashes.state_position(key), key, value) for key, value in entries)
    require(ascends([position for position, _, _ in placed]), "a key twice")
    for position, _, _ in placed:
        own = "".join(str(bit(position, depth)) for depth in range(len(chunk.path)))
        require(own == chunk.path, "a key from elsewhere")
    pages, node = _subtree(placed, len(chunk.path))
    require(pages == chunk.content, "entries out of order")
    found = SUMMARY(path=chunk.path, hash=node, content_bytes=len(pages), entries=len(entries))
    for turn, sibling in zip(reversed(chunk.path), chunk.siblings):
        node = hashes.state_node(sibling, node) if turn == "1" else hashes.state_node(node, sibling)
    require(node == root, "a chunk of another state")
    return found, dict(entries)


def tiled_root(chunks):
    """Returns the root of the state that a list of chunks is of."""
    for chunk in chunks:
        require(0 < chunk.entries <= chunk.content_bytes // 6
                and chunk.content_bytes <= CHUNK_CONTENT_BYTES_MAX, "impossible counts")
    paths = [chunk.path for chunk in chunks]
    require(ascends(paths) and not any(right.startswith(left)
                                       for left, right in zip(paths, paths[1:])), "overlapping")
    return _tiled(chunks, "")[0]


def _tiled(chunks, path):
    if not chunks:
        return hashes.ZERO, 0
    if chunks[0].path == path:
        return chunks[0].hash, chunks[0].content_bytes
    halves = [_tiled([chunk for chunk in chunks if chunk.path.startswith(path + turn)], path + turn)
              for turn in "01"]
    size = halves[0][1] + halves[1][1]
    require(size > CHUNK_CONTENT_BYTES_MAX, "chunks that fit into one")
    return hashes.state_node(halves[0][0], halves[1][0]), size
