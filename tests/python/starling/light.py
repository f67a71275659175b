"""Verification without trust: from the genesis, or a checkpoint, to a header and what it proves.

The rules are those of the module documentation of `ledger/src/light.rs`.
"""

from collections import namedtuple

from . import ed25519, genesis as documents, hashes, merkle, state
from .codec import decode
from .types import (ACCOUNT, RECORD, STAKE, TRANSACTION, TRANSACTION_BYTES_MAX, VOTE, require)

PROTOCOL_VERSION = 1
CLOCK_DRIFT_MS = 10 * 60 * 1000


class NotProven(Exception):
    """Why something is not believed."""


def check(holds, why):
    if not holds:
        raise NotProven(why)


def is_quorum(power, validators):
    """More than two thirds."""
    return 3 * power > 2 * sum(member.power for member in validators)


def check_certificate(certificate, network, validators):
    """Checks that more than two thirds of the power signed, and every signature."""
    positions = [entry.validator for entry in certificate.signatures]
    check(positions == sorted(set(positions)), "signers out of order")
    check(all(at < len(validators) for at in positions), "a signer outside the set")
    signed = sum(validators[at].power for at in positions)
    check(is_quorum(signed, validators), "too little power signed")
    for entry in certificate.signatures:
        key = validators[entry.validator].key
        vote = VOTE(vote_type=("Precommit", None), height=certificate.height,
                    round=certificate.round, block=certificate.block, validator=key)
        check(ed25519.verify(key, hashes.vote(network, vote), entry.signature),
              "a signature of the certificate is wrong")


class Trusted:
    """A point that is believed: the genesis, or a header, and who signs the next block."""

    def __init__(self, genesis, header=None, next_validators=None):
        self.document, self.network = genesis, hashes.genesis(genesis)
        self.first = documents.validator_set(genesis)
        self.header, self.next = header, next_validators or self.first
        self.next_hash = hashes.validator_set(self.next)
        if header is not None:
            self._check_network(header)
            check(self.next_hash == header.next_validators_hash, "other next validators")

    @property
    def height(self):
        return self.header.height if self.header else 0

    @property
    def hash(self):
        return hashes.block(self.header) if self.header else self.network

    @property
    def time_ms(self):
        return self.header.time_ms if self.header else self.document.time_ms

    def _check_network(self, header):
        check(header.genesis == self.network, "a header of another network")
        check(header.version == PROTOCOL_VERSION, "a header of another version")

    def _check_time(self, header, now_ms):
        check(header.time_ms > self.time_ms, "a header that is not later")
        if now_ms is None:
            return
        check(header.time_ms <= now_ms + CLOCK_DRIFT_MS, "a header of the future")
        period = self.document.parameters.trust_period_ms
        vouches = self.next_hash == hashes.validator_set(self.first)
        check(vouches or now_ms < self.time_ms + period,
              "the trust period is over: a checkpoint is needed")

    def _signers(self, step):
        header, blocks = step.header, self.document.parameters.epoch_blocks
        if header.validators_hash == self.next_hash:
            check(step.validators is None, "needless validators")
            return self.next
        check((header.height - 1) // blocks != self.height // blocks,
              "other validators within an epoch")
        check(step.validators is not None, "missing validators")
        check(hashes.validator_set(step.validators) == header.validators_hash, "other validators")
        return step.validators

    def _successors(self, step, signers):
        header, blocks = step.header, self.document.parameters.epoch_blocks
        if header.next_validators_hash == header.validators_hash:
            check(step.next_validators is None, "needless next validators")
            return signers
        check(header.height % blocks == 0, "a change of validators within an epoch")
        check(step.next_validators is not None, "missing next validators")
        check(hashes.validator_set(step.next_validators) == header.next_validators_hash,
              "other next validators")
        return step.next_validators

    def follow(self, step, now_ms):
        """Returns the point that a step leads to; `now_ms` of None asks for no trust period."""
        header, certificate = step.header, step.certificate
        self._check_network(header)
        check(certificate.block == hashes.block(header) and certificate.height == header.height,
              "a certificate of another block")
        check(header.height > self.height, "a step that does not lead on")
        self._check_time(header, now_ms)
        signers = self._signers(step)
        successors = self._successors(step, signers)
        if header.validators_hash != self.next_hash:
            powers = {member.key: member.power for member in self.next}
            signed = sum(powers.get(signers[entry.validator].key, 0)
                         for entry in certificate.signatures if entry.validator < len(signers))
            check(is_quorum(signed, self.next), "too little of the trusted power signed")
        check_certificate(certificate, self.network, signers)
        check(header.height != self.height + 1 or header.parent == self.hash,
              "two certified histories: an attack by a third of the power or more")
        return Trusted(self.document, header, successors)


def check_transaction(raw, network):
    """Returns a transaction and its sender, if its form and signatures are right."""
    transaction = decode(TRANSACTION, raw, TRANSACTION_BYTES_MAX)
    body, (kind, content) = transaction.body, transaction.authority
    require(1 <= len(body.actions) <= 16, "no action or too many")
    notes = [content.note for name, content in body.actions if name == "Record"]
    require(all(len(text.encode()) <= 256 for text in [body.memo] + notes), "too long a text")
    require(body.sender != hashes.authority(transaction.authority), "a needless sender")
    sender = hashes.sender(transaction)
    for name, action in body.actions:
        if name == "Bond":
            message = hashes.possession(network, sender)
            check(ed25519.verify(action.consensus_key, message, action.proof_of_possession),
                  "the proof of possession is wrong")
    keys, count = ([content], 1) if kind == "Key" else (content.keys, content.threshold)
    message = hashes.transaction_id(network, sender, body)
    check(len(transaction.signatures) == count, "not as many signatures as asked for")
    # Each signature is by a later key than the one before: `any` goes on where it stopped.
    keys = iter(keys)
    check(all(any(ed25519.verify(key, message, signature) for key in keys)
              for signature in transaction.signatures), "a signature is wrong")
    return transaction, sender


def entry(header, proof, schema, tag, *parts):
    """Returns the decoded entry of the state after a block, or None where there is none."""
    value = state.prove(proof, header.state_root, state.key(tag, *parts))
    return None if value is None else decode(schema, value)


def prove_transaction(header, proof, raw):
    """Checks that a transaction stands in the block of a header."""
    check(proof.count == header.transaction_count
          and merkle.proves(proof, header.transaction_root, hashes.wire_id(raw)),
          "the transaction is not proven to be in the block")


def prove_history(header, proof, transaction, sender, network):
    """Says what became of a transaction up to a block: happened, open, expired or replaced."""
    account = entry(header, proof.account, ACCOUNT, state.ACCOUNT, sender)
    due, history = (account.nonce, account.history) if account else (0, hashes.ZERO)
    body = transaction.body
    if not proof.ids:
        check(due <= body.nonce and proof.before == hashes.ZERO, "the history is not proven")
        return "expired" if header.time_ms >= body.expires_at_ms else "open"
    folded = proof.before
    for identity in proof.ids:
        folded = hashes.history(folded, identity)
    check(body.nonce + len(proof.ids) == due and folded == history, "the history is not proven")
    identity = hashes.transaction_id(network, sender, body)
    return "happened" if proof.ids[0] == identity else "replaced"


Fact = namedtuple("Fact", "kind subject value")


def fact(subject, point):
    """Returns what the subject of a receipt shows at a point."""
    name, content = subject
    header = point.header
    if name == "Account":
        value = entry(header, content.proof, ACCOUNT, state.ACCOUNT, content.account)
        return Fact(name, content.account, value)
    if name == "Record":
        parts = (content.sender, content.digest)
        return Fact(name, parts, entry(header, content.proof, RECORD, state.RECORD, *parts))
    if name == "Validator":
        stake = entry(header, content.proof, STAKE, state.STAKE, content.account)
        powers = {member.account: member.power for member in point.next}
        return Fact(name, content.account, (stake, powers.get(content.account)))
    transaction, sender = check_transaction(content.raw, point.network)
    identity = hashes.transaction_id(point.network, sender, transaction.body)
    if name == "Transaction":
        prove_transaction(header, content.proof, content.raw)
        return Fact(name, identity, content.proof.index)
    past = prove_history(header, content.proof, transaction, sender, point.network)
    return Fact(name, identity, past)


def judge(receipt, genesis, now_ms, checkpoint=None):
    """Returns the point and the fact that a receipt proves.

    `checkpoint` is a height and a hash that the reader knows from somebody else. Raises NotProven
    or Malformed.
    """
    check(receipt.genesis == hashes.genesis(genesis), "a receipt of another network")
    name, anchor = receipt.anchor
    point, vouched = Trusted(genesis), 0
    if name == "Checkpoint":
        given = (anchor.header.height, hashes.block(anchor.header))
        check(checkpoint is not None, "it begins at a checkpoint: %d:%s" % (given[0], given[1].hex()))
        check(given == checkpoint, "it begins at another checkpoint")
        point = Trusted(genesis, anchor.header, anchor.next_validators)
    elif checkpoint is not None:
        for number, step in enumerate(receipt.steps):
            if step.header.height == checkpoint[0]:
                check(hashes.block(step.header) == checkpoint[1], "it contradicts the checkpoint")
                vouched = number + 1
                break
    for number, step in enumerate(receipt.steps):
        point = point.follow(step, None if number < vouched else now_ms)
    check(point.header is not None, "it holds no header")
    return point, fact(receipt.subject, point)
