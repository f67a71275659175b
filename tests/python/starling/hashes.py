"""What each hash covers, and under which context."""

from functools import lru_cache

from .blake3 import derive_key
from .codec import encode
from .types import (AUTHORITY, BODY, CERTIFICATE, EVIDENCE, GENESIS, HEADER, PROPOSAL,
                    VALIDATOR_SET, VOTE)

ZERO = bytes(32)


def _hash(purpose, *parts):
    return derive_key("starling v1 " + purpose, *parts)


@lru_cache(maxsize=1024)
def _authority(encoded):
    return _hash("authority", encoded)


def authority(value):
    """The hash an account stores; of its first authority it is the account's id."""
    return _authority(encode(AUTHORITY, value))


def sender(transaction):
    """The account a transaction acts for."""
    return transaction.body.sender or authority(transaction.authority)


def transaction_id(genesis_hash, account, body):
    """What the user means, and what the signatures of a transaction cover."""
    return _hash("transaction", genesis_hash, account, encode(BODY, body))


def wire_id(raw):
    """What travels: over the encoding of a transaction, signatures included."""
    return _hash("wire transaction", raw)


def history(before, transaction):
    """The history of an account after one more transaction."""
    return _hash("account history", before, transaction)


def block(header):
    return _hash("block", encode(HEADER, header))


def genesis(document):
    return _hash("genesis", encode(GENESIS, document))


def validator_set(members):
    return _hash("validator set", encode(VALIDATOR_SET, members))


def certificate(value):
    """What the next header names; zero where there is none."""
    return ZERO if value is None else _hash("certificate", encode(CERTIFICATE, value))


def evidence(value):
    return _hash("evidence", encode(EVIDENCE, value))


def vote(genesis_hash, value):
    """What the signature of a vote covers."""
    return _hash("vote", genesis_hash, encode(VOTE, value))


def proposal(genesis_hash, value):
    """What the signature of a proposal covers."""
    return _hash("proposal", genesis_hash, encode(PROPOSAL, value))


def possession(genesis_hash, account):
    """What a consensus key signs to prove that the bonding account's owner holds it."""
    return _hash("possession proof", genesis_hash, account)


def list_leaf(item):
    return _hash("list leaf", item)


def list_node(left, right):
    return _hash("list node", left, right)


def state_position(key):
    return _hash("state key", key)


def state_page(page):
    return _hash("state page", page) if page else ZERO


def state_node(left, right):
    return _hash("state node", left, right)


def local_seed(name):
    """The publicly known secret of a name on local networks."""
    return _hash("local key", name.encode())
