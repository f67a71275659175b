#!/usr/bin/env python3
"""Makes the hostile corpus: golden vectors with one thing wrong, each as a patch of their bytes.

    python3 tests/python/hostile.py     # writes ledger/tests/vectors/hostile/patches.txt anew

The schemas know where every tag, length, number and text stands, so every one of them is broken in
every way that is known to have fooled a decoder somewhere. A line is: file, name, offset, bytes to
remove, bytes to insert in hex (or -), and what is wrong. Each must be refused by both
implementations; what this one accepts is not written but reported.
"""

import sys
from collections import namedtuple

import golden
from starling import codec, types

FOLDER = golden.REPOSITORY / "ledger/tests/vectors/hostile"
BOMBS = (2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)
BAD_TEXT = {"lone-continuation": b"\x80", "overlong": b"\xc0\x80", "surrogate": b"\xed\xa0\x80",
            "beyond-unicode": b"\xf4\x90\x80\x80", "cut-sequence": b"\xe2\x82"}
BAD_KEYS = {"identity": b"\1" + bytes(31), "order-4": bytes(32), "no-point": b"\2" + bytes(31)}
# Blocks hold what stands alone elsewhere: once is enough.
CONTAINERS = {"block_1", "final_block"}

Patch = namedtuple("Patch", "at remove insert why")


def varints(value):
    """Other ways to write a number: bincode's variable widths and LEB128, minimal or not."""
    yield "one-byte", bytes([value & 0x7F])
    for marker, size in ((251, 2), (252, 4), (253, 8)):
        yield "marker-%d" % marker, bytes([marker]) + (value % 256**size).to_bytes(size, "little")
    yield "leb128", bytes([0x80 | value & 0x7F, 0])


def numbers(at, size, value):
    """Patches of a number of fixed width."""
    written = value.to_bytes(size, "little")
    for why, other in varints(value):
        if len(other) != size:
            yield Patch(at, size, other, "number-" + why)
    yield Patch(at, size, written + b"\0", "number-leading-zero")


def lengths(at, count):
    for bomb in BOMBS:
        yield Patch(at, 8, bomb.to_bytes(8, "little"), "length-bomb-%d" % bomb)
    yield Patch(at, 8, (count + 1).to_bytes(8, "little"), "length-plus-one")
    if count:
        yield Patch(at, 8, (count - 1).to_bytes(8, "little"), "length-minus-one")
    yield from numbers(at, 8, count)


def walk(schema, value, at):
    """Yields all patches of a value whose encoding begins at an offset."""
    size = len(schema.write(value))
    if isinstance(schema, codec.Int):
        yield from numbers(at, schema.size, value)
    elif isinstance(schema, codec.Bool):
        yield from (Patch(at, 1, bytes([byte]), "bool-%d" % byte) for byte in (2, 255))
    elif schema is types.PUBLIC_KEY:
        yield from (Patch(at, 32, key, "key-" + why) for why, key in BAD_KEYS.items())
    elif isinstance(schema, codec.Blob):
        yield from lengths(at, len(value))
    elif isinstance(schema, codec.String):
        yield from lengths(at, size - 8)
        for why, text in BAD_TEXT.items():
            yield Patch(at, 8, (size - 8 + len(text)).to_bytes(8, "little") + text, "text-" + why)
    elif isinstance(schema, codec.Option):
        yield from (Patch(at, 1, bytes([byte]), "option-%d" % byte) for byte in (2, 255))
        if value is not None:
            yield from walk(schema.item, value, at + 1)
    elif isinstance(schema, codec.List):
        yield from lists(schema, value, at)
    elif isinstance(schema, codec.Struct):
        for field, part in zip(schema.fields.values(), value):
            yield from walk(field, part, at)
            at += len(field.write(part))
    elif isinstance(schema, codec.Enum):
        tag = schema.names.index(value[0])
        for wrong in (len(schema.names), 256 + tag, 2**32 - 1):
            yield Patch(at, 4, wrong.to_bytes(4, "little"), "tag-%d" % wrong)
        yield from numbers(at, 4, tag)
        if schema.variants[value[0]]:
            yield from walk(schema.variants[value[0]], value[1], at + 4)


def lists(schema, items, at):
    """Patches of a list: its length, each item, and its order where it has to ascend."""
    yield from lengths(at, len(items))
    whole = len(schema.write(items))
    ordered = schema.check or schema.item in (types.COMMIT_SIGNATURE, types.PUBLIC_KEY)
    if ordered and items:
        for why, other in (("reversed", items[::-1]), ("twice", items + items[-1:])):
            if other != items:
                yield Patch(at, whole, schema.write(other), "list-" + why)
    at += 8
    for item in items:
        yield from walk(schema.item, item, at)
        at += len(schema.item.write(item))


def apply(data, patch):
    return data[:patch.at] + patch.insert + data[patch.at + patch.remove:]


def is_refused(schema, data):
    try:
        codec.decode(schema, data)
    except codec.Malformed:
        return True
    return False


def corpus():
    """Yields file, name and patch of everything that has to be refused."""
    for name in golden.files():
        for vector in golden.read(name).values():
            if vector.name in CONTAINERS:
                continue
            seen = set()
            for patch in walk(vector.schema, vector.value, 0):
                data = apply(vector.bytes, patch)
                # Some are the same bytes, or happen to be another value.
                if data != vector.bytes and data not in seen and is_refused(vector.schema, data):
                    seen.add(data)
                    yield name, vector.name, patch


def line(name, vector, patch):
    inserted = patch.insert.hex() or "-"
    return "%s %s %d %d %s %s" % (name, vector, patch.at, patch.remove, inserted, patch.why)


if __name__ == "__main__":
    lines = [line(*entry) for entry in corpus()]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "patches.txt").write_text("\n".join(lines) + "\n")
    print("%d patches" % len(lines), file=sys.stderr)
