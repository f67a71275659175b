#!/usr/bin/env python3
"""Executes an exported history in a naive ledger and compares everything at each height.

    python3 tests/python/reference.py FILE

The file is a genesis and a list of blocks, each with all accounts after it, as the test `reference`
of `ledger` writes it. Signatures are not checked: that history is not signed. Exit 0 or 9.
"""

import sys

from starling import codec, types
from starling.ledger import Ledger, Refused, check

ENTRY = codec.Struct("Entry", id=types.ACCOUNT_ID, account=types.ACCOUNT)
HEIGHT = codec.Struct("Height", block=types.BLOCK, accounts=codec.List(ENTRY))
HISTORY = codec.Struct("History", genesis=types.GENESIS, heights=codec.List(HEIGHT))

# Computing all of a state root takes a while: every one of the first, then one in so many.
ROOTS_AT_FIRST = 50
ROOTS_EVERY = 25


def compare(ledger, exported):
    """Compares all accounts, and now and then the whole state by its root."""
    told = {entry.id: entry.account for entry in exported.accounts}
    check(set(told) == set(ledger.accounts), "other accounts")
    for identity, account in told.items():
        own = ledger.accounts[identity]
        for field in ("nonce", "balance", "authority", "history"):
            found, expected = getattr(account, field), getattr(own, field)
            check(found == expected, field, "of", identity.hex(), found, "expected", expected)
    if ledger.height <= ROOTS_AT_FIRST or ledger.height % ROOTS_EVERY == 0:
        check(ledger.root() == exported.block.header.state_root, "state root")
        return 1
    return 0


def main(path):
    with open(path, "rb") as file:
        history = codec.decode(HISTORY, file.read())
    ledger = Ledger(history.genesis)
    transactions = roots = punished = changes = 0
    try:
        for exported in history.heights:
            before = ledger.members
            ledger.execute(exported.block)
            roots += compare(ledger, exported)
            transactions += len(exported.block.transactions)
            punished += len(exported.block.evidence)
            changes += before != ledger.members
        check(ledger.root() == history.heights[-1].block.header.state_root, "last state root")
    except (Refused, codec.Malformed) as error:
        print("disagreed at height %d: %s" % (ledger.height, error))
        return 9
    print("agreed on %d heights and %d transactions, %d state roots, %d accounts, %d records, "
          "%d changes of validators, %d offences" % (
              ledger.height, transactions, roots + 1, len(ledger.accounts), len(ledger.records),
              changes, punished))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
