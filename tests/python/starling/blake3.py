"""BLAKE3 in key-derivation mode, the one hash of Starling.

Source: the BLAKE3 specification, sections 2.1 to 2.4. Only `derive_key` with 32 bytes of output.
"""

from array import array
from functools import lru_cache
from struct import pack, unpack

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
# The four columns, then the four diagonals of the state.
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
BLOCK_BYTES = 64
CHUNK_BYTES = 1024
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = 32, 64


def _compression_source():
    """Writes the compression function with its 7 rounds unrolled: Python is too slow for loops."""
    lines = ["def compress(cv, block, tail, M=0xFFFFFFFF):",
             " %s = block" % ", ".join("m%d" % i for i in range(16)),
             " %s = cv" % ", ".join("v%d" % i for i in range(8)),
             " v8, v9, v10, v11, v12, v13, v14, v15 = tail"]
    order = list(range(16))
    for _ in range(7):
        for number, (a, b, c, d) in enumerate(QUARTERS):
            # A rotation needs no mask on the right: the sum before it has 32 bits.
            for half, (r, s) in enumerate(((16, 12), (8, 7))):
                m = order[2 * number + half]
                lines += [f" v{a} = (v{a} + v{b} + m{m}) & M; t = v{d} ^ v{a}",
                          f" v{d} = (t >> {r} | t << {32 - r}) & M",
                          f" v{c} = (v{c} + v{d}) & M; t = v{b} ^ v{c}",
                          f" v{b} = (t >> {s} | t << {32 - s}) & M"]
        order = [order[i] for i in PERMUTATION]
    lines.append(" return (%s)" % ", ".join("v%d ^ v%d" % (i, i + 8) for i in range(8)))
    return "\n".join(lines)


_namespace = {}
exec(_compression_source(), _namespace)
compress = _namespace["compress"]


def _tail(counter, length, flags):
    """The lower half of the state that a block is mixed into."""
    return IV[:4] + (counter & 0xFFFFFFFF, counter >> 32, length, flags)


def _words(block):
    return unpack("<16I", block.ljust(BLOCK_BYTES, b"\0"))


def _chunk(key, data, counter, flags, root):
    """Hashes at most 1024 bytes to a chaining value."""
    cv, start, blocks = key, CHUNK_START, max(1, -(-len(data) // BLOCK_BYTES))
    for number in range(blocks):
        block = data[number * BLOCK_BYTES:(number + 1) * BLOCK_BYTES]
        end = (CHUNK_END | root) if number == blocks - 1 else 0
        cv = compress(cv, _words(block), _tail(counter, len(block), flags | start | end))
        start = 0
    return cv


def _tree(key, data, first, flags, root):
    """Hashes any number of bytes; `first` is the number of its first chunk."""
    if len(data) <= CHUNK_BYTES:
        return _chunk(key, data, first, flags, root)
    left_chunks = 1 << (((len(data) - 1) // CHUNK_BYTES).bit_length() - 1)
    split = left_chunks * CHUNK_BYTES
    left = _tree(key, data[:split], first, flags, 0)
    right = _tree(key, data[split:], first + left_chunks, flags, 0)
    return compress(key, left + right, _tail(0, BLOCK_BYTES, flags | PARENT | root))


@lru_cache(maxsize=None)
def _context_key(context):
    return _tree(IV, context.encode(), 0, DERIVE_KEY_CONTEXT, ROOT)


def derive_key(context, *parts):
    """Returns 32 bytes: the hash of the parts, one after the other, under a context string."""
    cv = _tree(_context_key(context), b"".join(parts), 0, DERIVE_KEY_MATERIAL, ROOT)
    return pack("<8I", *cv)


def derive_keys(context, messages):
    """Returns the hash of each message of at most 1024 bytes, many times faster than one by one.

    The same compression runs on numbers that hold one word of every message, 64 bits apart: sums
    and rotations of 32 bits never reach the neighbour before they are masked.
    """
    groups, results = {}, [None] * len(messages)
    for index, message in enumerate(messages):
        groups.setdefault(max(1, -(-len(message) // BLOCK_BYTES)), []).append(index)
    for blocks, indices in groups.items():
        group = [messages[index] for index in indices]
        for index, result in zip(indices, _together(_context_key(context), group, blocks)):
            results[index] = result
    return results


def _together(key, messages, blocks):
    """Hashes messages of one number of blocks."""
    count = len(messages)
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
    mask = 0xFFFFFFFF * ones
    cv = [word * ones for word in key]
    iv = [word * ones for word in IV[:4]]
    words = array("I", b"".join(m.ljust(blocks * BLOCK_BYTES, b"\0") for m in messages))
    lengths = [len(message) for message in messages]
    for number in range(blocks):
        block = [_lanes(words[number * 16 + i::blocks * 16]) for i in range(16)]
        used = _lanes(min(BLOCK_BYTES, length - number * BLOCK_BYTES) for length in lengths)
        flags = DERIVE_KEY_MATERIAL | (CHUNK_START if number == 0 else 0)
        flags |= (CHUNK_END | ROOT) if number == blocks - 1 else 0
        cv = compress(cv, block, iv + [0, 0, used, flags * ones], mask)
    columns = [array("Q", word.to_bytes(8 * count, "little")) for word in cv]
    return [pack("<8I", *row) for row in zip(*columns)]


def _lanes(words):
    """Puts words 64 bits apart into one number."""
    return int.from_bytes(array("Q", words).tobytes(), "little")


def plain(data):
    """Returns the hash of BLAKE3's first mode, without a context."""
    return pack("<8I", *_tree(IV, data, 0, 0, ROOT))
