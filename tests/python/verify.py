#!/usr/bin/env python3
"""Verifies receipt files with nothing but the genesis document, and says what they prove.

    python3 tests/python/verify.py --genesis genesis/local.toml FILE…

Exit 0: all are proven. 9: one is not. 2: wrong arguments, or a file that cannot be read.
"""

import argparse
import sys
import time
from pathlib import Path

from starling import bech32m, codec, genesis as documents, light, receipt


def parse_checkpoint(text):
    height, _, digest = text.partition(":")
    if not height.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("not HEIGHT:HASH")
    return int(height), bytes.fromhex(digest)


def describe(fact, document):
    """Says a fact in words."""
    kind = document.kind[0]
    address = lambda account: bech32m.encode(kind, account)
    units = lambda number: "%d base units of %s" % (number, document.symbol)
    name, subject, value = fact
    if name == "Account":
        if value is None:
            return "%s has no account" % address(subject)
        return "%s holds %s, next nonce %d" % (address(subject), units(value.balance), value.nonce)
    if name == "Record":
        sender, digest = address(subject[0]), subject[1].hex()
        if value is None:
            return "%s has no record of %s" % (sender, digest)
        return "%s recorded %s at height %d, time %d ms, note %r" % (
            sender, digest, value.height, value.time_ms, value.note)
    if name == "Validator":
        stake, power = value
        what = "has no stake" if stake is None else "has %s bonded" % units(stake.bonded)
        signs = "does not sign" if power is None else "signs with power %d" % power
        return "%s %s and %s the next block" % (address(subject), what, signs)
    if name == "Transaction":
        return "transaction %s is number %d of the block" % (subject.hex(), value)
    words = {"happened": "is on the ledger", "open": "has not happened and still may",
             "expired": "has not happened and never will", "replaced": "will never happen: "
             "another took its place"}
    return "transaction %s %s" % (subject.hex(), words[value])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genesis", required=True, help="the network's TOML document")
    parser.add_argument("--checkpoint", type=parse_checkpoint, help="HEIGHT:HASH from a person")
    parser.add_argument("--now", type=int, default=int(time.time() * 1000),
                        help="milliseconds since 1970, for the trust period")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    failed = False
    try:
        document = documents.from_toml(Path(options.genesis).read_text(encoding="utf-8"))
        contents = [(name, Path(name).read_bytes()) for name in options.files]
    except (OSError, ValueError, KeyError) as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    for name, data in contents:
        try:
            point, fact = light.judge(receipt.read(data), document, options.now,
                                      options.checkpoint)
        except (light.NotProven, codec.Malformed) as error:
            print("%s: NOT PROVEN: %s" % (name, error))
            failed = True
            continue
        print("%s: PROVEN as of block %d (%s), time %d ms: %s" % (
            name, point.height, point.hash.hex(), point.time_ms, describe(fact, document)))
    return 9 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
