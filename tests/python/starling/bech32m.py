"""Addresses: bech32m with one version symbol. Source: BIP-173 and BIP-350."""

SYMBOLS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
BECH32M = 0x2BC830A3
PREFIXES = {"Main": "star", "Test": "startest", "Local": "starlocal"}


def _checksum(prefix, data):
    check = 1
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    for value in expanded + data:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATORS):
            if top >> bit & 1:
                check ^= generator
    return check


def encode(kind, account):
    """Returns the address of a 32-byte account on a network of this kind."""
    bits = int.from_bytes(account, "big") << 4
    data = [0] + [bits >> shift & 31 for shift in range(255, -5, -5)]
    check = _checksum(PREFIXES[kind], data + [0] * 6) ^ BECH32M
    data += [check >> shift & 31 for shift in range(25, -5, -5)]
    return PREFIXES[kind] + "1" + "".join(SYMBOLS[value] for value in data)


def decode(kind, text):
    """Returns the account of an address of a network of this kind.

    Raises ValueError for anything else. Upper case is the same address; mixed case is none.
    """
    if text.lower() != text and text.upper() != text:
        raise ValueError("an address in mixed case")
    prefix, _, symbols = text.lower().rpartition("1")
    if prefix != PREFIXES[kind] or any(c not in SYMBOLS for c in symbols):
        raise ValueError("not an address of this network")
    data = [SYMBOLS.index(c) for c in symbols]
    if len(data) != 1 + 52 + 6 or _checksum(prefix, data) != BECH32M or data[0] != 0:
        raise ValueError("a mistyped address, or one of an unknown version")
    bits = 0
    for value in data[1:-6]:
        bits = bits << 5 | value
    if bits & 15:
        raise ValueError("an address with padding that is not zero")
    return (bits >> 4).to_bytes(32, "big")
