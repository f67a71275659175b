"""The encoding: a subset of bincode 2 with fixed-width little-endian integers.

Every schema below has `read(reader)` and `write(value)`. A value has one encoding: whatever is read
is written to the same bytes, or reading fails.
"""

from collections import namedtuple


class Malformed(Exception):
    """Bytes that are not the encoding of a value."""


class Reader:
    """Takes bytes from the front; a length is never believed beyond what is left."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def take(self, count):
        end = self.at + count
        if end > len(self.data):
            raise Malformed("ends early")
        self.at, taken = end, self.data[self.at:end]
        return taken

    def left(self):
        return len(self.data) - self.at


def decode(schema, data, limit=None):
    """Decodes the whole of `data`."""
    if limit is not None and len(data) > limit:
        raise Malformed("%d bytes, at most %d" % (len(data), limit))
    reader = Reader(data)
    value = schema.read(reader)
    if reader.left():
        raise Malformed("%d trailing bytes" % reader.left())
    return value


def encode(schema, value):
    """Encodes a value."""
    return schema.write(value)


class Int:
    """An unsigned integer of fixed width."""

    def __init__(self, size):
        self.size, self.least_bytes = size, size

    def read(self, reader):
        return int.from_bytes(reader.take(self.size), "little")

    def write(self, value):
        return value.to_bytes(self.size, "little")


class Bool:
    """One byte, 0 or 1."""

    least_bytes = 1

    def read(self, reader):
        byte = reader.take(1)[0]
        if byte > 1:
            raise Malformed("a bool of %d" % byte)
        return byte == 1

    def write(self, value):
        return bytes([value])


class Array:
    """Bytes of a fixed length, without a length before them."""

    def __init__(self, size, check=None):
        self.size, self.least_bytes, self.check = size, size, check

    def read(self, reader):
        value = reader.take(self.size)
        if self.check:
            self.check(value)
        return value

    def write(self, value):
        assert len(value) == self.size
        return bytes(value)


class Blob:
    """A length in 8 bytes, and so many bytes."""

    least_bytes = 8

    def read(self, reader):
        return reader.take(U64.read(reader))

    def write(self, value):
        return U64.write(len(value)) + bytes(value)


class String:
    """A blob of valid UTF-8."""

    least_bytes = 8

    def read(self, reader):
        try:
            return BLOB.read(reader).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a text that is not UTF-8") from error

    def write(self, value):
        return BLOB.write(value.encode("utf-8"))


class List:
    """A length in 8 bytes, and so many items."""

    least_bytes = 8

    def __init__(self, item, check=None):
        self.item, self.check = item, check

    def read(self, reader):
        count = U64.read(reader)
        if count * self.item.least_bytes > reader.left():
            raise Malformed("a list of %d items ends early" % count)
        items = [self.item.read(reader) for _ in range(count)]
        if self.check:
            self.check(items)
        return items

    def write(self, value):
        return U64.write(len(value)) + b"".join(self.item.write(item) for item in value)


class Option:
    """A byte, 0 for None and 1 before a value."""

    least_bytes = 1

    def __init__(self, item):
        self.item = item

    def read(self, reader):
        return self.item.read(reader) if BOOL.read(reader) else None

    def write(self, value):
        return b"\0" if value is None else b"\1" + self.item.write(value)


class Struct:
    """Fields, one after the other; a value is a named tuple."""

    def __init__(self, name, check=None, /, **fields):
        self.name, self.fields, self.check = name, fields, check
        self.make = namedtuple(name, fields)
        self.least_bytes = sum(field.least_bytes for field in fields.values())

    def __call__(self, **fields):
        return self.make(**fields)

    def read(self, reader):
        value = self.make(*(field.read(reader) for field in self.fields.values()))
        if self.check:
            self.check(value)
        return value

    def write(self, value):
        return b"".join(field.write(part) for field, part in zip(self.fields.values(), value))


class Enum:
    """A tag in 4 bytes, the position of the variant from 0, and its content.

    A value is (name of the variant, content); a variant without content holds None.
    """

    least_bytes = 4

    def __init__(self, name, /, **variants):
        self.name, self.variants = name, variants
        self.names = list(variants)

    def read(self, reader):
        tag = U32.read(reader)
        if tag >= len(self.names):
            raise Malformed("tag %d of %s" % (tag, self.name))
        name = self.names[tag]
        content = self.variants[name]
        return name, content.read(reader) if content else None

    def write(self, value):
        name, content = value
        schema = self.variants[name]
        return U32.write(self.names.index(name)) + (schema.write(content) if schema else b"")


U8, U16, U32, U64 = Int(1), Int(2), Int(4), Int(8)
U128 = Int(16)
BOOL, BLOB, STRING = Bool(), Blob(), String()
